"""GPT-2, BERT and Llama of transformers: training steps and generation, a process each beside PyTorch's, CPU time.

Needs transformers where the interpreter finds it, and PyTorch to compare with. Two engines cannot share the name torch,
so each is asked in a process of its own, in turn.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from . import harness

THREADS = 1
ROUNDS = 3
PROGRAM = """
import json, sys, time
import torch
from transformers import (BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel, LlamaConfig,
                          LlamaForCausalLM)

torch.set_num_threads(1)
torch.manual_seed(0)
gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=1000, n_positions=128, n_embd=128, n_layer=4, n_head=4))
bert = BertForSequenceClassification(BertConfig(
    vocab_size=1000, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512))
llama = LlamaForCausalLM(LlamaConfig(
    vocab_size=1000, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
    intermediate_size=352))
x = torch.randint(0, 1000, (8, 64))


def step(model, labels):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()

    def run():
        optimizer.zero_grad()
        model(x, labels=labels).loss.backward()
        optimizer.step()

    return run


def generate(model):
    def run():
        model.eval()
        model.generate(x[:1, :16], max_new_tokens=32, min_new_tokens=32, do_sample=False, pad_token_id=0)

    return run


cases = {
    "GPT-2 4x128 step, 8 x 64": step(gpt2, x),
    "BERT-tiny step, 8 x 64": step(bert, torch.zeros(8, dtype=torch.int64)),
    "Llama-tiny step, 8 x 64": step(llama, x),
    "GPT-2 4x128, 32 tokens": generate(gpt2),
    "Llama-tiny, 32 tokens": generate(llama),
}
best = {}
for name, run in cases.items():
    run(); run()
    taken = []
    for _ in range(8):
        start = time.process_time(); run(); taken.append(time.process_time() - start)
    best[name] = min(taken)
print(json.dumps(best))
"""


def _asked(*options):
    """{name: CPU seconds} of one process."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program.py")
        program.write_text(PROGRAM)
        command = [sys.executable, *options, str(program)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise RuntimeError(f"language: the program failed.\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rows():
    if importlib.util.find_spec("transformers") is None:
        return
    compared = harness.import_pytorch() is not None
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_asked("-m", "flambeau"))
        if compared:
            theirs.append(_asked())
    for name in ours[0]:
        mine = min(one[name] for one in ours)
        other = min(one[name] for one in theirs) if theirs else None
        yield harness.Row(name, 1.2, mine, other, other and other / mine)
