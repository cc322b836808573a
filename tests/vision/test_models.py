"""Models: their sizes against a table made with torchvision, their results against torchvision's own."""

import hashlib
import json
import math
import pickle
import random
from pathlib import Path
from urllib.error import URLError

import pytest

import flambeau as torch
from flambeau.vision import models
from flambeau.vision.models._names import BUILDERS

# name -> number of parameters, of entries of the state_dict, hash of its keys and sizes (tools/vision_facts.py)
TABLE = json.loads(Path(__file__).with_name("models.json").read_text())


def bare(name):
    """The arguments with which a model wants no published weights."""
    part = BUILDERS[name].partition(".")[0]
    return {"weights_backbone": None} if part in ("detection", "segmentation") else {}


def layout(state):
    text = "\n".join(f"{key} {tuple(value.shape)}" for key, value in state.items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_all_of_torchvision_s_names_are_there():
    assert models.list_models() == sorted(TABLE)


@pytest.mark.parametrize("name", [name for name in TABLE if name in models.list_models()])
def test_parameters_and_keys_are_torchvision_s(name):
    with torch.device("meta"):
        model = models.get_model(name, **bare(name))
    state = model.state_dict()
    count = sum(p.numel() for p in model.parameters())
    assert [count, len(state), layout(state)] == TABLE[name]


SMALL = """alexnet convnext_tiny efficientnet_b0 efficientnet_v2_s googlenet mnasnet0_5 mobilenet_v2 mobilenet_v3_small
    regnet_y_400mf resnet18 resnet50 shufflenet_v2_x0_5 squeezenet1_1 swin_t swin_v2_t densenet121
    lraspp_mobilenet_v3_large""".split()


def fill(state, seed=0):
    """Random values that keep activations near 1, into the tensors of a state_dict."""
    import torch as reference

    generator = reference.Generator().manual_seed(seed)
    with reference.no_grad():
        for key, value in state.items():
            if not value.is_floating_point() or "coords" in key:
                continue
            if key.endswith("running_var"):
                value.uniform_(0.5, 1.5, generator=generator)
            elif value.ndim > 1 and "layer_scale" not in key:
                value.normal_(0, 1.4 / math.sqrt(value[0].numel()), generator=generator)
            elif key.endswith("bias") or "mean" in key:
                value.normal_(0, 0.05, generator=generator)
            else:
                value.normal_(0.8, 0.1, generator=generator)


@pytest.mark.parametrize("name", SMALL)
def test_results_are_torchvision_s(name):
    reference = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchvision").models.get_model(name, **bare(name)).eval()
    fill(theirs.state_dict())
    with torch.device("meta"):
        ours = models.get_model(name, **bare(name)).eval()
    state = {key: torch.from_numpy(value.numpy()) for key, value in theirs.state_dict().items()}
    ours.load_state_dict(state, assign=True)
    x = reference.randn(1, 3, 64, 64, generator=reference.Generator().manual_seed(0))
    with reference.no_grad(), torch.no_grad():
        wanted, got = theirs(x), ours(torch.from_numpy(x.numpy()))
    if isinstance(wanted, dict):
        wanted, got = wanted["out"], got["out"]
    wanted = wanted.numpy()
    assert abs(got.numpy() - wanted).max() < 1e-4 * max(1, abs(wanted).max())


def test_a_model_trains():
    model = models.squeezenet1_1(num_classes=4)
    model(torch.randn(2, 3, 64, 64)).logsumexp(1).sum().backward()
    assert all(
        p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters()
    )


def test_googlenet_has_three_results_in_training():
    model = models.googlenet(num_classes=3, init_weights=False)
    out = model(torch.randn(2, 3, 64, 64))
    assert isinstance(out, models.GoogLeNetOutputs)
    assert [tuple(x.shape) for x in out] == [(2, 3)] * 3
    assert model.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 3)


# -- names


def test_list_models_filters():
    assert models.list_models(include="vit*", exclude=["*l*"]) == [
        "vit_b_16",
        "vit_b_32",
        "vit_h_14",
    ]
    quantised = models.list_models(module=models.quantization)
    assert len(quantised) == 12 and all(name.startswith("quantized_") for name in quantised)
    assert "quantized_resnet18" not in models.list_models(module=models)


def test_a_function_may_have_the_name_of_its_file():
    from flambeau.vision.models.alexnet import AlexNet

    assert models.alexnet.__name__ == "alexnet" and callable(models.alexnet)
    assert models.AlexNet is AlexNet


def test_get_model_refuses_unknown_names():
    with pytest.raises(ValueError, match="get_model: there is no model 'resnet19'"):
        models.get_model("resnet19")
    with pytest.raises(ValueError, match=r"register_model: there is a model 'resnet18' already"):
        models.register_model("resnet18")(lambda: None)


def test_registered_models_are_listed(monkeypatch):
    monkeypatch.setattr(models._api, "_registered", {})

    @models.register_model()
    def a_model_of_ones_own(weights: models.ResNet18_Weights = None, width=3):
        return torch.nn.Linear(width, 1)

    assert "a_model_of_ones_own" in models.list_models()
    assert models.get_model("a_model_of_ones_own", width=5).in_features == 5
    assert models.get_model_weights("a_model_of_ones_own") is models.ResNet18_Weights


# -- weights


def test_every_model_has_weights_with_transforms():
    for name in models.list_models():
        kind = models.get_model_weights(name)
        assert kind.DEFAULT.url.startswith("https://download.pytorch.org/models/")
        assert callable(kind.DEFAULT.transforms())
        assert models.get_weight(repr(kind.DEFAULT)) is kind.DEFAULT


def test_weights_know_their_figures_and_categories():
    weights = models.ResNet50_Weights.IMAGENET1K_V2
    assert weights.meta["num_params"] == 25_557_032
    assert weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] == 80.858
    assert "categories" in weights.meta and len(weights.meta["categories"]) == 1000
    assert models.VGG16_Weights.IMAGENET1K_FEATURES.meta.get("categories") is None
    assert pickle.loads(pickle.dumps(weights)) is weights
    assert models.ResNet50_Weights.verify("IMAGENET1K_V2") is weights
    assert models.resnet.ResNet50_Weights is models.ResNet50_Weights


def test_weights_that_are_not_there():
    with pytest.raises(ValueError, match="there are no weights 'ResNet19_Weights'"):
        models.get_weight("ResNet19_Weights.DEFAULT")
    with pytest.raises(ValueError, match="ResNet18_Weights has no 'V9'"):
        models.get_weight("ResNet18_Weights.V9")
    with pytest.raises(ValueError, match="not of the form"):
        models.get_weight("ResNet18_Weights")
    with pytest.raises(TypeError, match="weights are 3"):
        models.ResNet18_Weights.verify(3)
    with pytest.raises(AttributeError, match="ResNet19_Weights"):
        models.ResNet19_Weights


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_dir", str(tmp_path))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


def test_weights_load_from_hub_s_cache(cache, monkeypatch):
    weights = models.SqueezeNet1_1_Weights.DEFAULT
    state = models.squeezenet1_1().state_dict()
    torch.save(state, cache / Path(weights.url).name)
    x = random.Random(0).choice(list(state))
    assert bool((models.squeezenet1_1(weights="DEFAULT").state_dict()[x] == state[x]).all())
    with pytest.warns(UserWarning, match="pretrained= is torchvision's old spelling"):
        model = models.squeezenet1_1(pretrained=True)
    assert bool((model.state_dict()[x] == state[x]).all())
    with pytest.raises(
        ValueError, match="num_classes is 5, but the weights are those of a model with 1000"
    ):
        models.squeezenet1_1(weights=weights, num_classes=5)


def test_without_a_network_the_error_says_where_the_file_belongs(cache, monkeypatch):
    def unreachable(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", unreachable)
    with pytest.raises(
        URLError, match=r"resnet18-f37072fd\.pth cannot be fetched \(no network\).*checkpoints"
    ):
        models.resnet18(weights="IMAGENET1K_V1")


def test_old_densenet_keys_become_today_s():
    today = models.densenet._today({"features.denseblock1.denselayer1.norm.1.weight": 0})
    assert list(today) == ["features.denseblock1.denselayer1.norm1.weight"]


def test_quantised_models_say_that_they_are_not():
    model = models.quantization.resnet18(num_classes=2).eval()
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 2)
    with pytest.raises(
        NotImplementedError, match=r"quantization\.resnet18: flambeau has no quantised kernels"
    ):
        models.quantization.resnet18(quantize=True)
    clipped = [
        m for m in models.quantization.mobilenet_v2().modules() if isinstance(m, torch.nn.ReLU6)
    ]
    assert not clipped
    with pytest.raises(NotImplementedError, match="fuse_model"):
        model.fuse_model()


# -- parts


def test_intermediate_layers():
    body = models._utils.IntermediateLayerGetter(models.resnet18(), {"layer1": "a", "layer3": "b"})
    assert "layer4" not in body
    out = body(torch.zeros(1, 3, 64, 64))
    assert [(k, tuple(v.shape)) for k, v in out.items()] == [
        ("a", (1, 64, 16, 16)),
        ("b", (1, 256, 4, 4)),
    ]
    with pytest.raises(ValueError, match="ResNet has no child 'layer9'"):
        models._utils.IntermediateLayerGetter(models.resnet18(), {"layer9": "a"})


def test_positions_of_a_vit_are_resized():
    with torch.device("cpu"):
        model = models.VisionTransformer(32, 8, 1, 2, 8, 16, num_classes=3)
        wider = models.VisionTransformer(64, 8, 1, 2, 8, 16, num_classes=3)
    state = models.vision_transformer.interpolate_embeddings(64, 8, model.state_dict())
    wider.load_state_dict(state)
    assert wider(torch.zeros(2, 3, 64, 64)).shape == (2, 3)
    with pytest.raises(AssertionError, match="images are 32 x 32; this model takes 64 x 64"):
        wider(torch.zeros(2, 3, 32, 32))


def test_padded_windows_are_cut_again():
    model = models.SwinTransformer([4, 4], 8, [2], [2], [3, 3], num_classes=2)
    assert model(torch.zeros(1, 3, 20, 28)).shape == (1, 2)


# -- what models make on the way


@pytest.mark.parametrize(
    "name", ["resnet18", "vit_b_32", "swin_t", "swin_v2_t", "swin3d_t", "maxvit_t"]
)
def test_fx_traces_models(name):
    with torch.device("meta"):
        model = models.get_model(name).eval()
        traced = torch.fx.symbolic_trace(model)
        sizes = (1, 3, 8, 64, 64) if name == "swin3d_t" else (1, 3, 224, 224)
        assert traced(torch.zeros(sizes)).shape == model(torch.zeros(sizes)).shape


def test_features_by_name():
    from flambeau.vision.models.feature_extraction import (
        create_feature_extractor,
        get_graph_node_names,
    )

    model = models.resnet18()
    train, eval_ = get_graph_node_names(model)
    assert train[:5] == ["x", "conv1", "bn1", "relu", "maxpool"] and train[-1] == "fc"
    assert train == eval_ and {"layer1.0.relu_1", "layer2.0.add", "flatten"} <= set(train)
    body = create_feature_extractor(model, {"layer1": "a", "layer3.1.relu_1": "b"})
    out = body.eval()(torch.zeros(1, 3, 64, 64))
    assert [(k, tuple(v.shape)) for k, v in out.items()] == [
        ("a", (1, 64, 16, 16)),
        ("b", (1, 256, 4, 4)),
    ]
    assert not any(name.startswith(("layer4", "fc")) for name, _ in body.named_parameters())
    wanted = models._utils.IntermediateLayerGetter(model.eval(), {"layer3": "b"})(
        torch.ones(1, 3, 64, 64)
    )
    assert torch.allclose(body(torch.ones(1, 3, 64, 64))["b"], wanted["b"])
    with pytest.raises(ValueError, match="create_feature_extractor: ResNet has no node 'layer9'"):
        create_feature_extractor(model, ["layer9"])


def test_features_may_differ_in_training():
    from flambeau.vision.models.feature_extraction import (
        create_feature_extractor,
        get_graph_node_names,
    )

    with pytest.warns(UserWarning, match="other nodes in training than in evaluation"):
        names = get_graph_node_names(Branching())
    assert names == (["x", "relu"], ["x", "sigmoid"])
    body = create_feature_extractor(
        Branching(),
        train_return_nodes={"relu": "a"},
        eval_return_nodes={"sigmoid": "b"},
        suppress_diff_warning=True,
    )
    assert list(body.train()(torch.zeros(2))) == ["a"]
    assert body.eval()(torch.zeros(2))["b"].tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="give return_nodes, or both"):
        create_feature_extractor(Branching(), train_return_nodes=["relu"])


class Branching(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x) if self.training else torch.sigmoid(x)


def test_programs_find_architectures_in_the_module_s_dict():
    assert callable(models.__dict__["resnet18"]) and "resnet18" in sorted(models.__dict__)


@pytest.mark.parametrize(
    "kind, more",
    [("ConvNeXt", ()), ("EfficientNet", (0.2,)), ("MobileNetV3", (8,))],
)
def test_stages_are_of_their_kind(kind, more):
    with pytest.raises(ValueError, match=f"{kind}: .* is empty"):
        getattr(models, kind)([], *more)
    with pytest.raises(TypeError, match=f"{kind}: .* must be a list of"):
        getattr(models, kind)([3], *more)


def test_sizes_that_do_not_fit():
    with pytest.raises(AssertionError, match="image_size is 30; it must be a multiple"):
        models.VisionTransformer(30, 16, 1, 1, 8, 8)
    small = models.VisionTransformer(32, 16, 1, 1, 8, 8)
    with pytest.raises(AssertionError, match="Encoder: input has 2 dims"):
        small.encoder(torch.zeros(5, 8))
    assert torch.fx.symbolic_trace(small)(torch.zeros(2, 3, 32, 32)).shape == (2, 1000)
    with pytest.raises(ValueError, match="GoogLeNet: blocks has 1 classes; it must have 3"):
        models.GoogLeNet(blocks=[torch.nn.Identity], init_weights=False)
    with pytest.raises(ValueError, match="inception_blocks has 1 classes; it must have 7"):
        models.Inception3(inception_blocks=[torch.nn.Identity], init_weights=False)


@pytest.mark.parametrize("newer", [False, True])
def test_mvit_is_traced(newer):
    from flambeau.vision.models.video.mvit import MSBlockConfig

    blocks = [
        MSBlockConfig(1, 8, 8, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2]),
        MSBlockConfig(2, 8, 16, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 1, 1]),
    ]
    model = models.video.MViT(
        (8, 8), 2, blocks, newer, True, newer, newer, num_classes=5, patch_embed_stride=(2, 4, 4)
    ).eval()
    x = torch.rand(1, 3, 2, 8, 8)
    assert torch.allclose(torch.fx.symbolic_trace(model)(x), model(x), atol=1e-5)
