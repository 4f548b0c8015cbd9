import codecs

import pytest

from curate.formats.charset import codec_of, decoded

RUSSIAN = "Съешь же ещё этих мягких французских булок да выпей чаю. Погода сегодня хорошая, и мы пойдём гулять. "
JAPANESE = "これは日本語で書かれた文章です。今日は天気がいいので、散歩に行きましょう。東京は大きな都市です。"
CHINESE = "这是一个用中文写的网页。今天天气很好，我们去公园散步吧。北京是一个很大的城市。"
KOREAN = "이것은 한국어로 쓴 문장입니다. 오늘은 날씨가 좋아서 산책을 가겠습니다. 서울은 큰 도시입니다."
GREEK = "Αυτή είναι μια σελίδα γραμμένη στα ελληνικά. Σήμερα ο καιρός είναι καλός και θα πάμε βόλτα. "
FRENCH = "L'été dernier, nous étions à la plage où le soleil brillait très fort ; c'était agréable, « n'est-ce pas ? » "
POLISH = "Zażółć gęślą jaźń. Dzisiaj pogoda jest ładna, więc pójdziemy na spacer. Świetnie, że możesz przyjść. "
TEXTS = [
    (RUSSIAN, "cp1251"),
    (RUSSIAN, "koi8-r"),
    (JAPANESE, "shift_jis"),
    (JAPANESE, "euc_jp"),
    (JAPANESE, "iso2022_jp"),
    (CHINESE, "gb18030"),
    (CHINESE.replace("这", ""), "gbk"),
    (KOREAN, "euc_kr"),
    (FRENCH, "cp1252"),
    (GREEK, "cp1253"),
    (POLISH, "cp1250"),
    (RUSSIAN, "utf-8"),
]
CASES = pytest.mark.parametrize(("text", "name"), TEXTS, ids=[name for _, name in TEXTS])


def page(text: str, name: str, meta: str = "") -> bytes:
    return f"<html><head>{meta}</head><body><p>{text * 4}</p></body></html>".encode(name)


@CASES
def test_declared_by_header_or_by_the_page(text, name):
    wanted = page(text, name).decode(name)
    assert decoded(page(text, name), name) == wanted
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={name}">'
    assert decoded(page(text, name, meta)) == page(text, name, meta).decode(name)


@CASES
def test_undeclared_is_detected(text, name):
    assert decoded(page(text, name)) == page(text, name).decode(name)


@CASES
@pytest.mark.parametrize("lie", ["utf-8", "iso-8859-1", "no-such-charset"])
def test_a_lie_that_shows_is_not_believed(text, name, lie):
    meta = f'<meta charset="{lie}">'
    assert decoded(page(text, name, meta), lie) == page(text, name, meta).decode(name)


def test_byte_order_marks_come_first():
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        assert decoded(mark + JAPANESE.encode(name), "shift_jis") == JAPANESE


def test_a_few_bad_bytes_do_not_spoil_utf8():
    content = (RUSSIAN * 20).encode() + b"\xff and \xc3( more"
    assert decoded(content, "utf-8").startswith(RUSSIAN)
    assert decoded(content, "utf-8").count("�") == 2


def test_labels_mean_what_browsers_take_them_for():
    assert decoded(b"it\x92s", "ISO-8859-1") == "it’s"
    assert codec_of("gb2312") == "gb18030"
    assert codec_of("x-sjis") == "cp932"
    assert codec_of("base64") is None and codec_of("utf-7") is None and codec_of("\0") is None
    assert decoded(b"plain ascii", "utf-16") == "plain ascii"


@pytest.mark.parametrize("text", [FRENCH, CHINESE])
def test_utf_8_that_a_header_calls_utf_16_is_read_as_it_is(text):
    content = page(text, "utf-8")
    assert decoded(content, "utf-16") == decoded(content, "utf-16-le") == content.decode()
    assert decoded(page(text, "utf-16-le"), "utf-16-le") == content.decode()


def test_plain_text_names_no_charset():
    text = '<meta charset="koi8-r"> ' + FRENCH
    assert decoded(text.encode("cp1252"), "cp1252", html=False) == text


@pytest.mark.parametrize(
    "label", ["quopri", "rot13", "undefined", "zlib", "hex", "base64", "uu", "bz2", "unicode_escape"]
)
def test_a_codec_that_is_no_charset_is_not_believed(label):
    assert codec_of(label) is None
    assert decoded(b"<p>\\ud800 h\xe9llo", label) == "<p>\\ud800 h\xe9llo"
