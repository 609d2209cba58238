"""How Sphinx builds these pages: `make docs`."""

import os
import sys
from importlib.metadata import version as installed
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from matplotlib import get_data_path

sys.path.insert(0, str(Path(__file__).parent))  # sphinx-gallery imports what is named below

project = "pennylane-qizgloria"
author = "The pennylane-qizgloria authors"
copyright = f"{author}. The licence is Apache 2.0"
release = version = installed(project)

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "demos"]

autodoc_member_order = "bysource"
# Types stay in the signatures, where jaxtyping's shapes can be read.
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
# Long signatures have a line for each argument.
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = project
# Browsers stretch brackets around a matrix only with a font that says how, and not every system has
# one. Matplotlib brings DejaVu Serif, which does.
MATH_FONT = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"
html_static_path = ["_static", str(MATH_FONT)]
html_css_files = ["pages.css"]

# --- demos ----------------------------------------------------------------------------------------

RUN_DEMOS = os.environ.get("DEMOS", "1") != "0"

sphinx_gallery_conf = {
    "examples_dirs": "demos",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "demo_pages.place_of_demo",
    "plot_gallery": RUN_DEMOS,
    "abort_on_example_error": True,
    "reset_modules": (
        "matplotlib",
        "demo_pages.set_style",
        "demo_pages.quieten",
        "demo_pages.reset_torch",
    ),
    "image_srcset": ["2x"],
    "thumbnail_size": (640, 400),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "remove_config_comments": True,
}
if not RUN_DEMOS:
    suppress_warnings = ["image.not_readable"]

# --- formulas -------------------------------------------------------------------------------------


def _mathml(tex: str, as_block: bool) -> str:
    mathml = tex2mathml(tex, as_block=as_block)
    # TeX sets a bar without space on either side; MathML takes it for an operator between terms.
    fixed = '<mo stretchy="false"'
    mathml = mathml.replace(f"{fixed}>|</mo>", f'{fixed} lspace="0" rspace="0">|</mo>')
    # In TeX only \left and \right stretch. Docutils says so of round and square brackets alone.
    if r"\left" not in tex:
        for bracket in "{}⟨⟩":
            mathml = mathml.replace(f"<mo>{bracket}</mo>", f"{fixed}>{bracket}</mo>")
    return mathml


def _as_inline(self, node: nodes.math) -> None:
    self.body.append(_mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def _as_block(self, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{_mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app) -> None:
    """Write formulas as MathML, which browsers draw themselves, with or without a network."""
    app.add_html_math_renderer("mathml", (_as_inline, None), (_as_block, None))


html_math_renderer = "mathml"
