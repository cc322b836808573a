"""How a notebook shows a module: a tree that unfolds, with numbers of parameters."""

import html


def module_html(module, name="", open_to=1):
    """A module as HTML; modules inside it unfold, those below `open_to` levels when they are clicked."""
    count = sum(p.numel() for p in module.parameters())
    title = f"{name}: " if name else ""
    title += f"<b>{html.escape(type(module).__name__)}</b>"
    settings = module.extra_repr()
    title += f"({html.escape(settings)})" if settings else ""
    title += f" <small>{count:,}</small>" if count else ""
    inner = "".join(
        module_html(child, html.escape(child_name), open_to - 1)
        for child_name, child in module.named_children()
    )
    if not inner:
        return f'<div style="font-family:monospace;margin-left:1.1em">{title}</div>'
    state = " open" if open_to > 0 else ""
    return f'<details{state} style="font-family:monospace;margin-left:1em"><summary>{title}</summary>{inner}</details>'
