import pytest

from curate.algorithms import iso639


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("eng", "en"),
        ("deu", "de"),
        ("cmn", "zh"),
        ("yue", "zh"),
        ("arz", "ar"),
        ("nob", "nb"),
        ("hrv", "hr"),
        ("ell", "el"),
        *[("grc", "grc"), ("ceb", "ceb"), ("en", "en"), ("iw", "he"), ("zxx", "zxx"), ("als", "sq"), ("ind", "id")],
    ],
)
def test_two_letters_where_there_are_two(code, wanted):
    assert iso639.two_letters(code) == wanted


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("__label__en", "en"),
        ("__label__eng_Latn", "en"),
        ("__label__zho_Hans", "zh"),
        ("__label__ceb", "ceb"),
        ("__label__als", "gsw"),
        ("__label__als_Latn", "sq"),
        ("__label__zh-yue", "zh"),
        ("__label__positive", None),
        ("__label__pt-BR", "pt"),
        ("__label__1", None),
    ],
)
def test_labels_of_models(label, wanted):
    assert iso639.of_label(label) == wanted


def test_every_code_of_two_letters_is_reached_once():
    codes = set(iso639._table().values())
    assert len(codes) == 183 and all(len(code) == 2 for code in codes)
