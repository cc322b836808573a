"""How compiling is wished for at present: what torch.compiler.set_stance says."""

from flambeau import _core

__all__ = ["NAMES", "change", "disabled", "may_trace", "name", "skip_guards"]

NAMES = ("default", "force_eager", "eager_on_recompile", "fail_on_recompile", "eager_then_compile")
name = "default"
skip_guards = False
disabled = set()  # code objects of functions that are not to be compiled


def may_trace(compiled, key):
    """Whether a call that no program fits may make one."""
    if name == "eager_on_recompile":
        return not compiled.made
    if name == "fail_on_recompile" and compiled.made:
        raise RuntimeError(
            "compile: no program fits this call, and set_stance('fail_on_recompile') forbids another one. Arguments, "
            "modes and Python values must be those of an earlier call."
        )
    if name == "eager_then_compile":
        first = key not in compiled.seen
        compiled.seen.add(key)
        return not first
    return True


def change(wished, without_guards):
    """Sets `name` and `skip_guards`."""
    global name, skip_guards
    name, skip_guards = wished, without_guards
    _core._hold_compiled_back(1, name != "default" or skip_guards)
