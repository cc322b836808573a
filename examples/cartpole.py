"""A network learns to balance a pole on a cart by trying: REINFORCE.

    python examples/cartpole.py

The cart is pushed to the left or to the right, fifty times a second, and rewarded for each push after which the pole
still stands. 64 carts run at once. 150 rounds take about twenty seconds.
"""

import math
import sys
import time

import pictures
import program

import flambeau as torch
from flambeau import nn
from flambeau.distributions import Categorical

MOST = 500  # pushes a run
GOAL = 450  # pushes, on average over 64 runs


class CartPole:
    """Many carts on tracks of 4.8 m, each with a pole of 1 m on a hinge; a run ends beyond the track or 12 degrees.

    The state (N, 4) of a cart: its place in m, its speed in m/s, the pole's angle in rad, its speed in rad/s.

    Source: Barto, Sutton, Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems",
    1983, with the constants that have been used since.
    """

    gravity, cart_kg, pole_kg, half_m, push_N, step_s = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, count):
        self.state = torch.rand(count, 4) * 0.1 - 0.05

    def step(self, right):
        """Push carts to the right where `right` (N,) is 1, else to the left; returns which still stand: bool (N,)."""
        place, speed, angle, turning = self.state.unbind(1)
        total = self.cart_kg + self.pole_kg
        sin, cos = angle.sin(), angle.cos()
        force = self.push_N * (2 * right - 1)
        pull = (force + self.pole_kg * self.half_m * turning**2 * sin) / total
        turn = (self.gravity * sin - cos * pull) / (
            self.half_m * (4 / 3 - self.pole_kg * cos**2 / total)
        )
        gain = pull - self.pole_kg * self.half_m * turn * cos / total
        change = torch.stack([speed, gain, turning, turn], 1)
        self.state = self.state + self.step_s * change
        return (self.state[:, 0].abs() < 2.4) & (self.state[:, 2].abs() < math.radians(12))


def play(policy, count, most=MOST):
    """Run `count` carts until all have fallen.

    Returns log-probabilities of what was done and whether the cart still stood before, (T, count) each, and the
    states of the first cart, (T, 4).
    """
    carts = CartPole(count)
    stands = torch.ones(count, dtype=torch.bool)
    log_probabilities: list[torch.Tensor] = []
    alive: list[torch.Tensor] = []
    states: list[torch.Tensor] = []
    while stands.any() and len(alive) < most:
        states.append(carts.state[0])
        choice = Categorical(logits=policy(carts.state))
        right = choice.sample()
        log_probabilities.append(choice.log_prob(right))
        alive.append(stands)
        stands = stands & carts.step(right)
    return torch.stack(log_probabilities), torch.stack(alive).float(), torch.stack(states)


def returns(alive, discount=0.99):
    """What each push earned: 1 and what the following pushes earned, discounted; (T, N)."""
    earned = torch.zeros_like(alive)
    following = torch.zeros(alive.shape[1])
    for t in range(len(alive) - 1, -1, -1):
        following = alive[t] * (1 + discount * following)
        earned[t] = following
    return earned


def train(policy, rounds, count):
    """Returns the mean length of the runs of each round.

    Source: Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992.
    """
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, rounds)
    lengths = []
    for _ in range(rounds):
        log_probabilities, alive, _ = play(policy, count)
        earned = returns(alive)
        # How much better than the other carts at the same time.
        standing = alive.sum(1, keepdim=True).clamp(min=1)
        better = (earned - earned.sum(1, keepdim=True) / standing) * alive
        better = better / (better.square().sum() / alive.sum()).sqrt().clamp(min=1e-6)
        loss = -(log_probabilities * better).sum() / alive.sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        lengths.append(float(alive.sum(0).mean()))
    return lengths


@pictures.drawing
def picture(pyplot, lengths, states):
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4), layout="constrained")
    left.plot(lengths)
    left.set(xlabel="round", ylabel="pushes until a pole falls", ylim=(0, MOST))
    seconds = CartPole.step_s * torch.arange(len(states))
    right.plot(seconds.numpy(), states[:, 0].numpy(), label="place of the cart, m")
    right.plot(seconds.numpy(), states[:, 2].rad2deg().numpy(), label="angle of the pole, degrees")
    right.set(xlabel="s")
    right.legend()
    return figure


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--carts", type=int, default=64)
    args = program.started(parser)
    policy = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
    begin = time.perf_counter()
    lengths = train(policy, args.rounds, args.carts)
    seconds = time.perf_counter() - begin
    pushes = args.carts * sum(lengths)
    print(
        f"{args.rounds} rounds in {seconds:.1f} s, {pushes / seconds / 1e3:.0f} thousand pushes a second."
    )
    with torch.no_grad():
        _, alive, states = play(policy, 64)
    length = float(alive.sum(0).mean())
    print(
        f"Mean length of 64 runs: {length:.0f} pushes, of {MOST} at most; {lengths[0]:.0f} before learning."
    )
    picture(args.out / "cartpole.png", lengths, states)
    return program.verdict(args.rounds >= 150 and length < GOAL, f"at least {GOAL}")


if __name__ == "__main__":
    sys.exit(main())
