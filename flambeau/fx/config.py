"""Switches of torch.fx that other tools set; graphs are drawn and printed without them."""

__all__ = ["disable_progress", "do_not_emit_stack_traces", "verbose_progress"]

disable_progress = True
verbose_progress = False
do_not_emit_stack_traces = False
