import importlib.util
import math
import os

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import loss_models
from curate.errors import UsageError
from tests import models

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("kenlm") is None and os.environ.get("CURATE_REQUIRE_EXTRAS") != "1",
    reason="needs pip install 'curate[kenlm]'",
)


@pytest.fixture
def arpa(tmp_path):
    path = tmp_path / "model.arpa"
    path.write_text(models.ARPA)
    return str(path)


def bits(path, *texts):
    found = loss_models.open_model(path).bits_per_byte(pa.array(texts, pa.large_string()))
    return [value * len((text or "").encode()) for value, text in zip(found, texts)]


def test_lines_cost_what_the_table_says(arpa):
    the_fox = 0.2 + 0.3 + 0.1
    fox_unknown = (0.25 + 0.75) + (0.375 + 1.5) + 1.0
    found = bits(arpa, "the fox", "fox été", "the fox\n\n \nfox été", " the\tfox \n")
    expected = [the_fox, fox_unknown, the_fox + fox_unknown, the_fox]
    assert found == pytest.approx([value * math.log2(10) for value in expected], rel=1e-6)


def test_a_text_without_a_byte_has_none_and_one_without_a_word_costs_nothing(arpa):
    found = loss_models.open_model(arpa).bits_per_byte(pa.chunked_array([["", None], ["\n "]], pa.string()))
    assert np.isnan(found[:2]).all() and found[2] == 0
    assert loss_models.open_model(arpa).bits_per_byte(pa.array([], pa.string())).shape == (0,)


def test_a_file_that_the_library_cannot_read(tmp_path):
    path = tmp_path / "cut.arpa"
    path.write_text(models.ARPA[:60])
    with pytest.raises(UsageError, match="KenLM cannot read it"):
        loss_models.open_model(str(path))
