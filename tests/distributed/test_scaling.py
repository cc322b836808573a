"""Steps and gradients that several processes agree on, here of one."""

import pytest

import flambeau as torch
import flambeau.distributed as dist
from flambeau.distributed.algorithms.ddp_comm_hooks import post_localSGD_hook as local
from flambeau.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler
from flambeau.distributed.fsdp.wrap import _or_policy


@pytest.fixture
def alone(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("grad, steps", [(2.0, True), (float("inf"), False)])
def test_a_scaler_of_sharded_parameters(alone, grad, steps):
    p = torch.nn.Parameter(torch.ones(1))
    optimizer, scaler = torch.optim.SGD([p], 1.0), ShardedGradScaler("cpu", init_scale=2.0)
    p.grad = torch.tensor([grad])
    scaler.step(optimizer)
    scaler.update()
    assert (p.item() == 0.0) is steps and scaler.get_scale() == (2.0 if steps else 1.0)


def test_gradients_of_local_steps(alone):
    class Bucket:
        values = torch.ones(2)

        def buffer(self):
            return self.values

        def is_last(self):
            return True

    state = local.PostLocalSGDState(None, dist.group.WORLD, 1, post_local_gradient_allreduce=False)
    for _ in range(2):  # averaged over all, then left alone
        assert local.post_localSGD_hook(state, Bucket()).wait().tolist() == [1.0, 1.0]
    assert state.iter == 2


def test_one_of_several_policies():
    said = [lambda module, recurse, nonwrapped_numel: recurse, lambda **asked: False]
    assert _or_policy(None, True, 0, said) and not _or_policy(None, False, 0, said)
