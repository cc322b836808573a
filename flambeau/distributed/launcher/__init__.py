"""Starting the processes of a program on this machine, and starting them anew when one fails."""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__, {".api": "LaunchConfig elastic_launch launch_agent"}
)
