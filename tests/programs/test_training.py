"""What surrounds training: data, averaged weights, checkpoints, graphs as index lists."""

import importlib
import io

import numpy
import pytest


def words_in_bags(T, start):
    """A data set of one's own with a collate function, samplers, a split, groups of options."""
    nn, F, data = T.nn, T.nn.functional, T.utils.data

    class Texts(data.Dataset):
        def __init__(self):
            lengths = start.rng.integers(3, 9, 40)
            self.texts = [start.rng.integers(1, 15, n).tolist() for n in lengths]

        def __len__(self):
            return len(self.texts)

        def __getitem__(self, i):
            text = self.texts[i]
            return T.tensor(text), int(sum(text) / len(text) > 7)

    def collate(batch):
        texts, labels = zip(*batch)
        return nn.utils.rnn.pad_sequence(texts, batch_first=True), T.tensor(labels)

    texts = Texts()
    train, test = data.random_split(texts, [0.75, 0.25], generator=T.Generator().manual_seed(1))
    assert (len(train), len(test)) == (30, 10)
    weighted = data.WeightedRandomSampler([1.0] * 30, 20, replacement=True)
    batches = list(data.DataLoader(train, batch_size=8, sampler=weighted, collate_fn=collate))
    assert [len(labels) for _, labels in batches] == [8, 8, 4]

    bags, output = nn.EmbeddingBag(15, 8, mode="mean", padding_idx=0), nn.Linear(8, 2)
    start.weights(nn.ModuleList([bags, output]))
    optimizer = T.optim.Adagrad(
        [{"params": bags.parameters(), "lr": 0.3}, {"params": output.parameters()}], lr=0.1
    )
    for _ in range(3):
        for padded, labels in data.DataLoader(texts, batch_size=10, collate_fn=collate):
            loss = F.cross_entropy(output(bags(padded)), labels)
            start.step(optimizer, loss)
            yield loss


def test_words_in_bags(follow):
    losses = follow(words_in_bags)
    assert sum(losses[-4:]) < sum(losses[:4])


def averaged_weights(T, start):
    """Stochastic weight averaging and an exponential average, with their schedules."""
    nn, F, swa = T.nn, T.nn.functional, T.optim.swa_utils
    net = start.weights(
        nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))
    )
    average = swa.AveragedModel(net)
    moving = swa.AveragedModel(net, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))
    optimizer = T.optim.SGD(net.parameters(), lr=0.1)
    schedule = T.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2)
    last_schedule = swa.SWALR(optimizer, swa_lr=0.05, anneal_epochs=2)
    batches = [(start.normal(16, 6), start.normal(16, 1)) for _ in range(3)]
    for epoch in range(6):
        for x, y in batches:
            loss = F.mse_loss(net(x), y)
            start.step(optimizer, loss)
        moving.update_parameters(net)
        if epoch > 3:
            average.update_parameters(net)
            last_schedule.step()
        else:
            schedule.step()
        yield loss
        yield T.tensor(optimizer.param_groups[0]["lr"])
    swa.update_bn((x for x, _ in batches), average)
    for model in (average.eval(), moving.eval()):
        yield model(batches[0][0]).sum()


def test_averaged_weights(follow):
    losses = follow(averaged_weights)
    assert losses[10] < losses[0]


def interrupted(T, start):
    """Five steps, a checkpoint in the file format, five steps more; and the same from the checkpoint."""
    nn, F = T.nn, T.nn.functional
    batches = [(start.normal(16, 8), start.normal(16, 1)) for _ in range(10)]

    def make():
        net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.0), nn.Linear(16, 1))
        optimizer = T.optim.Adam(net.parameters(), 1e-2)
        return net, optimizer, T.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)

    def steps(net, optimizer, schedule, batches):
        for x, y in batches:
            loss = F.mse_loss(net(x), y)
            start.step(optimizer, loss)
            schedule.step()
            yield loss

    parts = make()
    start.weights(parts[0])
    yield from steps(*parts, batches[:5])
    file = io.BytesIO()
    states = [part.state_dict() for part in parts]
    T.save({"states": states, "random": T.get_rng_state(), "step": 5}, file)
    drawn, rest = T.rand(3), list(steps(*parts, batches[5:]))

    file.seek(0)
    saved = T.load(file, weights_only=True)
    again = make()
    for part, state in zip(again, saved["states"]):
        part.load_state_dict(state)
    T.set_rng_state(saved["random"])
    assert T.equal(drawn, T.rand(3))
    resumed = list(steps(*again, batches[saved["step"] :]))
    assert [loss.item() for loss in rest] == [loss.item() for loss in resumed]
    yield from rest


def test_interrupted(follow):
    losses = follow(interrupted)
    assert losses[-1] != losses[0]


def graph_attention(T, start):
    """Messages along edges, softmax over the edges of each node: index_add and scatter_reduce."""
    nn, F = T.nn, T.nn.functional
    nodes, edges = 40, 150
    features, labels = start.normal(nodes, 8), start.integers(0, 3, nodes)
    source, target = start.integers(0, nodes, edges), start.integers(0, nodes, edges)
    train = start.uniform(nodes) < 0.7

    class Attention(nn.Module):
        def __init__(self, size, out):
            super().__init__()
            self.linear, self.score = nn.Linear(size, out, bias=False), nn.Linear(2 * out, 1)

        def forward(self, x):
            x = self.linear(x)
            score = self.score(T.cat([x[source], x[target]], 1)).squeeze(1)
            score = F.leaky_relu(score, 0.2)
            largest = T.full((nodes,), -1e9).scatter_reduce(0, target, score.detach(), "amax")
            weight = (score - largest[target]).exp()
            total = T.zeros(nodes).scatter_add(0, target, weight)
            messages = x[source] * (weight / total[target]).unsqueeze(1)
            return T.zeros_like(x).index_add(0, target, messages)

    net = start.weights(nn.ModuleList([Attention(8, 16), Attention(16, 3)]))
    optimizer = T.optim.Adam(net.parameters(), lr=0.02, weight_decay=5e-4)
    for _ in range(8):
        output = net[1](F.elu(net[0](features), inplace=True))
        loss = F.cross_entropy(output[train], labels[train])
        start.step(optimizer, loss)
        yield loss


def test_graph_attention(follow):
    losses = follow(graph_attention)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("first, second", [("torch", "flambeau"), ("flambeau", "torch")])
def test_a_run_moves_to_the_other_library_in_a_file(first, second, tmp_path):
    pytest.importorskip("torch")
    rng = numpy.random.default_rng(0)
    batches = [(rng.integers(0, 9, (4, 6)), rng.integers(0, 9, (4, 6))) for _ in range(8)]
    file = tmp_path / "checkpoint.pt"

    def make(T):
        nn = T.nn
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        net = nn.Sequential(nn.Embedding(9, 16), encoder, nn.Linear(16, 9))
        optimizer = T.optim.AdamW(net.parameters(), lr=1e-2, amsgrad=True)
        return net, optimizer, T.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=9)

    def steps(T, parts, batches):
        net, optimizer, schedule = parts
        for x, y in batches:
            logits = net(T.from_numpy(x))
            loss = T.nn.functional.cross_entropy(logits.flatten(0, 1), T.from_numpy(y).flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            yield loss.item()

    first, second = importlib.import_module(first), importlib.import_module(second)
    parts = make(first)
    list(steps(first, parts, batches[:4]))
    first.save([part.state_dict() for part in parts], file)
    expected = list(steps(first, parts, batches[4:]))
    moved = make(second)
    for part, state in zip(moved, second.load(file, weights_only=True)):
        part.load_state_dict(state)
    numpy.testing.assert_allclose(list(steps(second, moved, batches[4:])), expected, rtol=1e-4)
