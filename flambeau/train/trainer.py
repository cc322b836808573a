"""Trainer: the loop around a model, and Callback, which is told how it goes."""

import contextlib
import json
import os
import time

import flambeau as torch

from ..nn.utils import clip_grad_norm_
from ..optim.lr_scheduler import ReduceLROnPlateau
from ..optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from . import checkpoint, processes

_SHOWN_S = 0.2  # how often the progress bar shows new numbers


class Callback:
    """What a Trainer tells how it goes; subclasses override what they want to hear. trainer.stop = True ends fit."""

    def fit_begins(self, trainer): ...
    def step_ends(self, trainer, values): ...
    def epoch_ends(self, trainer, record): ...
    def fit_ends(self, trainer): ...


class Trainer:
    """Trains a model on batches.

    Args:
        model (Module), optimizer (Optimizer): what learns, and how.
        loss (callable): the loss for (output, target), where a batch is (input, ..., target).
        objective (callable): in place of `loss`, for other batches: objective(model, batch) gives the loss or a dict
            with "loss" and numbers to be shown.
        metrics (dict): numbers to be shown beside the loss, each from (output, target).
        schedule (LRScheduler): stepped after each step, or after each epoch with schedule_by="epoch" and where it
            is a ReduceLROnPlateau.
        precision (dtype): compute under autocast in bfloat16 or float16, the latter with a GradScaler.
        accumulate (int): batches for each step of the optimizer.
        clip (float): the largest norm of all gradients.
        ema (float): keep an exponential moving average of the weights with this decay, and evaluate with it.
        patience (int): stop after so many epochs without a better `monitor`, a value of the validation (or of the
            training, without one); maximize=True if more is better.
        folder (path): where to write log.jsonl, a line a step; last.pt, from which fit(resume=True) continues; and
            best.pt, {"model": weights} of the best epoch.
        save_every (int): write last.pt every so many steps, too, not only after epochs.
        callbacks (sequence of Callback).
        progress (bool): show a progress bar.

    In several processes (distributed.init_process_group) each gives its part of the data, as DistributedSampler does;
    gradients and means are those of all, the first process writes the files, and callbacks run in each.

    Attributes: step and epoch, how many are done; history, a dict of means for each epoch.

    Example:
        >>> from flambeau.train import Trainer
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Linear(2, 1)
        >>> points = torch.randn(64, 2)
        >>> data = torch.utils.data.TensorDataset(points, points.sum(1, keepdim=True))
        >>> loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
        >>> trainer = Trainer(model, optimizer, torch.nn.functional.mse_loss, progress=False)
        >>> history = trainer.fit(loader, epochs=5, validation=loader)
        >>> trainer.step, history[-1]["validation"]["loss"] < 0.01
        (20, True)
    """

    def __init__(self, model, optimizer, loss=None, *, objective=None, metrics=None, schedule=None,
                 schedule_by="step", precision=None, accumulate=1, clip=None, ema=None, patience=None,
                 monitor="loss", maximize=False, folder=None, save_every=None, callbacks=(), progress=True):  # fmt: skip
        if (loss is None) == (objective is None):
            raise TypeError(
                "Trainer: give loss(output, target) or objective(model, batch), one of the two."
            )
        if schedule_by not in ("step", "epoch"):
            raise ValueError(
                f"Trainer: schedule_by must be 'step' or 'epoch', got {schedule_by!r}."
            )
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self._learner = model  # what is called in training
        self.loss, self.metrics = loss, metrics or {}
        self.objective = objective or self._supervised
        self.schedule_by = "epoch" if isinstance(schedule, ReduceLROnPlateau) else schedule_by
        self.precision, self.accumulate, self.clip = precision, accumulate, clip
        self.patience, self.monitor, self.maximize = patience, monitor, maximize
        self.folder, self.save_every, self.callbacks = folder, save_every, list(callbacks)
        self.progress = progress
        self.scaler = torch.amp.GradScaler("cpu") if precision == torch.float16 else None
        self.ema = None
        if ema is not None:
            average = get_ema_multi_avg_fn(ema)
            self.ema = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        self.step = self.epoch = self.batches = 0  # batches: of this epoch
        self.history, self.best, self.epochs_since_best = [], None, 0
        self.stop = False
        self._sums = {}  # of this epoch: {name: [sum, samples]}
        self._log = None

    # --- one batch -------------------------------------------------------------------------------

    def _supervised(self, model, batch):
        *inputs, target = batch
        output = model(*inputs)
        values = {"loss": self.loss(output, target)}
        if self.metrics:
            with torch.no_grad():
                for name, metric in self.metrics.items():
                    values[name] = metric(output, target)
        return values

    def _values(self, model, batch):
        """{"loss": a tensor, ...} for a batch, under autocast where a precision is set."""
        if self.precision is None:
            values = self.objective(model, batch)
        else:
            with torch.autocast("cpu", dtype=self.precision):
                values = self.objective(model, batch)
        return values if isinstance(values, dict) else {"loss": values}

    def _parameters(self):
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _backward(self, loss):
        loss = loss if self.accumulate == 1 else loss / self.accumulate
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def _update(self, pending):
        """One step of the optimizer from the gradients of `pending` batches; the gradients' norm, if they are clipped."""
        norm = None
        if pending < self.accumulate:  # the last batches of an epoch: the mean is over fewer
            for parameter in self._parameters():
                if parameter.grad is not None:
                    parameter.grad *= self.accumulate / pending
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        if self.clip is not None:
            norm = float(clip_grad_norm_(self._parameters(), self.clip))
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad()
        if self.ema is not None:
            self.ema.update_parameters(self.model)
        if self.schedule is not None and self.schedule_by == "step":
            self.schedule.step()
        self.step += 1
        return norm

    # --- one epoch -------------------------------------------------------------------------------

    def _train(self, data, bar, start):
        """Go over the data once, or over what is left of it after a resume."""
        self.model.train()
        self._loader_at_start = start
        pending, samples, shown = 0, 0, time.perf_counter()
        total = len(data) if hasattr(data, "__len__") else None
        self.optimizer.zero_grad()
        if hasattr(sampler := getattr(data, "sampler", None), "set_epoch"):
            sampler.set_epoch(self.epoch)
        for batch in checkpoint.batches(data, self):
            lr = self.optimizer.param_groups[0]["lr"]
            values = self._values(self._learner, batch)
            self._backward(values["loss"])
            self.batches, pending = self.batches + 1, pending + 1
            numbers, count = (
                {name: _number(value) for name, value in values.items()},
                _samples(batch),
            )
            samples += count
            for name, number in numbers.items():
                sums = self._sums.setdefault(name, [0.0, 0])
                sums[0] += number * count
                sums[1] += count
            if bar is not None:
                bar.update()
                if (now := time.perf_counter()) - shown > _SHOWN_S:
                    text = ", ".join(f"{name} {number:.4g}" for name, number in numbers.items())
                    bar.set_postfix_str(
                        f"{text}, {samples / (now - shown):.0f} samples/s", refresh=False
                    )
                    samples, shown = 0, now
            if pending < self.accumulate and self.batches != total:
                continue
            norm = self._update(pending)
            pending = 0
            if norm is not None:
                numbers["grad_norm"] = norm
            if self._log is not None:
                row = {
                    "step": self.step,
                    "epoch": self.epoch + 1,
                    "lr": lr,
                    "time": time.time(),
                    **numbers,
                }
                self._log.write(json.dumps(row) + "\n")
            for callback in self.callbacks:
                callback.step_ends(self, numbers)
            if self.save_every and self.folder and self.step % self.save_every == 0:
                self.save(data=data)
            if self.stop:
                return
        if pending:  # the data did not say how much there is
            self._update(pending)

    def evaluate(self, data):
        """The means of loss and metrics over batches, with the averaged weights if there are any.

        Returns:
            dict: {name: float}; a sample counts once, whatever the size of its batch.
        """
        model = self.model if self.ema is None else self.ema.module
        was, sums = model.training, {}
        model.eval()
        try:
            with torch.no_grad():
                for batch in data:
                    count = _samples(batch)
                    for name, value in self._values(model, batch).items():
                        total = sums.setdefault(name, [0.0, 0])
                        total[0] += _number(value) * count
                        total[1] += count
        finally:
            model.train(was)
        return _means(processes.summed(sums))

    def _end_of_epoch(self, validation):
        record = {
            "epoch": self.epoch + 1,
            "step": self.step,
            **_means(processes.summed(self._sums)),
        }
        if validation is not None:
            record["validation"] = self.evaluate(validation)
        measured = record.get("validation", record)
        if "loss" not in measured:
            raise ValueError(
                f"Trainer.fit: {'data' if validation is None else 'validation'} gave no batch in epoch "
                f"{self.epoch + 1}. Give a DataLoader or a list; an iterator ends with its first epoch."
            )
        if self.monitor not in measured:
            raise KeyError(f"Trainer: monitor {self.monitor!r} is none of {sorted(measured)}.")
        value = measured[self.monitor]
        if self.schedule is not None and self.schedule_by == "epoch":
            self.schedule.step(*([value] if isinstance(self.schedule, ReduceLROnPlateau) else []))
        better = self.best is None or (value > self.best if self.maximize else value < self.best)
        if better:
            self.best, self.epochs_since_best = value, 0
            if self.folder and processes.is_first():
                model = self.model if self.ema is None else self.ema.module
                torch.save(
                    {"model": model.state_dict(), **record}, os.path.join(self.folder, "best.pt")
                )
        else:
            self.epochs_since_best += 1
            self.stop |= self.patience is not None and self.epochs_since_best >= self.patience
        self.history.append(record)
        self.epoch, self.batches, self._sums = self.epoch + 1, 0, {}
        return record

    # --- all epochs ------------------------------------------------------------------------------

    def fit(self, data, epochs, validation=None, resume=False):
        """Train until `epochs` epochs are done.

        Args:
            data (iterable): batches, usually a DataLoader.
            epochs (int): how many in all, those before a resume included.
            validation (iterable, optional): batches to evaluate after each epoch.
            resume (bool): continue from folder/last.pt if it is there. Losses are then what they would have been
                without the break, wherever it came, if the data give the same batches for the same random state.

        Returns:
            list of dict: self.history.
        """
        self.stop, start = False, None
        self._learner, first = processes.learner(self.model), processes.is_first()
        if self.folder:
            os.makedirs(self.folder, exist_ok=True)
            if resume and os.path.exists(os.path.join(self.folder, "last.pt")):
                start = self.load(os.path.join(self.folder, "last.pt"), data)
            if first:
                self._log = checkpoint.open_log(os.path.join(self.folder, "log.jsonl"), self.step)
        elif resume:
            raise ValueError("Trainer.fit: resume=True needs a folder, where last.pt is.")
        for callback in self.callbacks:
            callback.fit_begins(self)
        with contextlib.ExitStack() as stack:
            if self._log is not None:
                stack.callback(setattr, self, "_log", None)  # save() may follow an error
                stack.enter_context(self._log)
            bar = stack.enter_context(self._bar(data, epochs)) if self.progress and first else None
            while self.epoch < epochs and not self.stop:
                if bar is not None:
                    bar.set_description(f"epoch {self.epoch + 1}/{epochs}")
                self._train(data, bar, start)
                start = None
                if self.stop:
                    break
                record = self._end_of_epoch(validation)
                if self.folder:
                    self.save(data=data)
                for callback in self.callbacks:
                    callback.epoch_ends(self, record)
        for callback in self.callbacks:
            callback.fit_ends(self)
        return self.history

    def _bar(self, data, epochs):
        from tqdm import tqdm

        total = epochs * len(data) if hasattr(data, "__len__") else None
        done = self.epoch * len(data) + self.batches if total else self.batches
        return tqdm(total=total, initial=done, unit="batch", mininterval=_SHOWN_S)

    def save(self, path=None, data=None):
        """Write everything that fit needs to continue, to folder/last.pt or another path."""
        if self._log is not None:
            self._log.flush()
        state = checkpoint.state(self, data)
        if processes.is_first():
            torch.save(state, path or os.path.join(self.folder, "last.pt"))

    def load(self, path, data=None):
        """Read what save() has written; `data` is moved to where it stood."""
        return checkpoint.restore(self, torch.load(path), data)


def _number(value):
    return float(value.detach() if isinstance(value, torch.Tensor) else value)


def _samples(batch):
    first = batch[0] if isinstance(batch, list | tuple) and batch else batch
    return len(first) if torch.is_tensor(first) and first.dim() else 1


def _means(sums):
    return {name: total / count for name, (total, count) in sums.items()}
