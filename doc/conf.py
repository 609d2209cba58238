"""How Sphinx builds these pages: `make docs`."""

from importlib.metadata import version as installed

project = "pennylane-qizgloria"
author = "The pennylane-qizgloria authors"
release = version = installed(project)

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
# Types stay in the signatures, where jaxtyping's shapes can be read.
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = project
