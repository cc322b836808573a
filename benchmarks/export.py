"""torch.export: tracing, running what was traced, files."""

import io

EFFORT = {"rounds": 3, "block_s": 0.02}


def models(T):
    """(name, model, example inputs) of three kinds."""
    nn = T.nn
    yield "MLP", nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10)), (T.randn(8, 32),)
    convolutions = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(392, 10),
    )
    yield "CNN", convolutions, (T.randn(4, 3, 16, 16),)
    encoder = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    yield "transformer layer", encoder, (T.randn(2, 16, 32),)


def cases(T):
    import importlib

    export = importlib.import_module(f"{T.__name__}.export")
    T.manual_seed(0)
    for name, model, inputs in models(T):
        model = model.eval()
        program = export.export(model, inputs)
        module = program.module()

        def files(program=program):
            file = io.BytesIO()
            export.save(program, file)
            file.seek(0)
            return export.load(file)

        yield f"export {name}", 1.0, lambda m=model, i=inputs: export.export(m, i)
        yield f"run {name}", 1.0, lambda m=module, i=inputs: m(*i)
        yield f"save, load {name}", 1.0, files
