import pyarrow as pa
import pytest
from pydantic import ValidationError

from curate.algorithms import fasttext, fasttext_train, language
from curate.errors import UsageError
from curate.stage import Load
from curate.stages.language import STAGE, LanguageConfig, memory

SENTENCES = {
    "en": "The committee will meet again on Thursday to discuss the results of the inquiry.",
    "de": "Der Ausschuss trifft sich am Donnerstag wieder, um die Ergebnisse zu besprechen.",
    "fr": "Le comité se réunira de nouveau jeudi pour discuter des résultats de l'enquête.",
    "es": "El comité se reunirá de nuevo el jueves para hablar de los resultados de la investigación.",
    "it": "Il comitato si riunirà di nuovo giovedì per discutere i risultati dell'indagine.",
    "pl": "Komisja zbierze się ponownie w czwartek, aby omówić wyniki śledztwa.",
    "tr": "Komite soruşturmanın sonuçlarını görüşmek üzere perşembe günü yeniden toplanacak.",
    "fi": "Valiokunta kokoontuu uudelleen torstaina keskustelemaan tutkimuksen tuloksista.",
    "vi": "Ủy ban sẽ họp lại vào thứ Năm để thảo luận về kết quả của cuộc điều tra.",
    "ru": "Комитет снова соберётся в четверг, чтобы обсудить результаты расследования.",
    "uk": "Комітет знову збереться в четвер, щоб обговорити результати розслідування.",
    "bg": "Комисията ще се събере отново в четвъртък, за да обсъди резултатите от разследването.",
    "el": "Η επιτροπή θα συνεδριάσει ξανά την Πέμπτη για να συζητήσει τα αποτελέσματα.",
    "ar": "ستجتمع اللجنة مرة أخرى يوم الخميس لمناقشة نتائج التحقيق.",
    "fa": "کمیته روز پنجشنبه دوباره برای بررسی نتایج تحقیقات تشکیل جلسه می‌دهد.",
    "he": "הוועדה תתכנס שוב ביום חמישי כדי לדון בתוצאות החקירה.",
    "hi": "समिति जाँच के परिणामों पर चर्चा करने के लिए गुरुवार को फिर मिलेगी।",
    "th": "คณะกรรมการจะประชุมอีกครั้งในวันพฤหัสบดี",
    "ka": "კომიტეტი ხუთშაბათს კვლავ შეიკრიბება.",
    "zh": "委员会将于星期四再次开会讨论调查结果。",
    "ja": "委員会は木曜日に再び会合を開き、調査結果について話し合う。",
    "ko": "위원회는 목요일에 다시 모여 조사 결과를 논의할 것이다.",
    "dv": "ދިވެހިރާއްޖެއަކީ ޖަޒީރާތަކުގެ ޤައުމެކެވެ",
}


@pytest.fixture(scope="module")
def detector():
    return language.load()


def detected(detector, texts):
    rows = language.detect(detector, pa.array(texts, pa.large_string())).to_pylist()
    return [(row["language"], row["language_score"]) for row in rows]


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_is_known_and_capitals_change_nothing(detector, name):
    (found, score), (large, _) = detected(detector, [SENTENCES[name], SENTENCES[name].upper()])
    assert (found, large) == (name, name)
    assert 0.75 < score <= 1


@pytest.mark.parametrize("text", ["", " \n", "123 456,78", "😀 — … 1/2", "٣٤٥"])
def test_without_a_letter_there_is_no_language(detector, text):
    assert detected(detector, [text]) == [(None, 0.0)]


def test_letters_of_an_unknown_script_are_no_language(detector):
    assert detected(detector, ["𐌰𐌱𐌲𐌳"]) == [(None, 0.0)]


@pytest.mark.parametrize(
    "text",
    ["ok", "a", "α", "Hello", "xk29 qq zz", "https://example.com/a/b?c=1", "for (int i = 0; i < n; i++) p[i] = 0;"],
)
def test_short_texts_and_code_are_not_sure(detector, text):
    assert detected(detector, [text])[0][1] < 0.5


def test_mixed_text_is_less_sure_than_either_half(detector):
    english, german = SENTENCES["en"] * 4, SENTENCES["de"] * 4
    halves = detected(detector, [english, german])
    found, score = detected(detector, [english + "\n" + german])[0]
    assert found in ("en", "de") and score < 0.75 < min(score for _, score in halves)


@pytest.mark.parametrize(("one", "other"), [("en", "de"), ("fr", "es"), ("it", "pl"), ("tr", "fi"), ("ru", "bg")])
def test_two_sentences_of_two_languages_are_not_sure(detector, one, other):
    found, score = detected(detector, [f"{SENTENCES[one]} {SENTENCES[other]}"])[0]
    assert found in (one, other) and score < 0.65


@pytest.mark.parametrize("name", ["zh", "ja", "ko", "ru", "ar", "el"])
def test_latin_names_do_not_make_a_text_latin(detector, name):
    text = (SENTENCES[name] + " LibreOffice Writer ") * 5
    assert detected(detector, [text])[0][0] == name


def test_half_of_it_in_another_script_halves_the_score(detector):
    found, score = detected(detector, [SENTENCES["zh"] + SENTENCES["en"]])[0]
    assert (found, 0.3 < score < 0.7) == ("zh", True)


def test_a_long_text_is_sampled_over_its_whole_length(detector):
    text = SENTENCES["en"] * 300 + SENTENCES["fr"] * 300
    found, score = detected(detector, [text])[0]
    assert found in ("en", "fr") and 0.4 < score < 0.7


def test_nulls_and_slices_and_nothing(detector):
    rows = pa.chunked_array([pa.array(["x", None, SENTENCES["de"]]).slice(1), pa.array([], pa.string())])
    assert language.detect(detector, rows).column("language").to_pylist() == [None, "de"]
    assert language.detect(detector, pa.array([], pa.large_string())).schema == language.LAYER


def test_the_distribution_counts_every_document_once():
    languages, scores = pa.array(["en", None, "de", "en"]), pa.array([0.9, 0.0, 0.5, 0.6], pa.float32())
    one = language.distribution(languages, scores, pa.array([10, 1, 50, 5]))
    rows = language.united([one, one]).to_pylist()
    assert rows == [
        {"language": "de", "documents": 2, "bytes": 100, "sure": 0},
        {"language": "en", "documents": 4, "bytes": 30, "sure": 2},
        {"language": None, "documents": 2, "bytes": 2, "sure": 0},
    ]
    assert "50.0%" in language.report_lines(language.united([one]))[1]
    assert language.report_lines(language.united([])) == []


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A fastText model of three languages, with labels as GlotLID has them."""
    import fasttext as library

    folder = tmp_path_factory.mktemp("model")
    labels = {"en": "eng_Latn", "de": "deu_Latn", "zh": "cmn_Hani"}
    words = {name: SENTENCES[name].split() if name != "zh" else list(SENTENCES[name]) for name in labels}
    lines = [
        f"__label__{labels[name]} {' '.join(words[name][start : start + 6])}"
        for name in labels
        for start in range(8)
        for _ in range(10)
    ]
    (folder / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with fasttext_train.zeroed_memory():
        trained = library.train_supervised(str(folder / "lines.txt"), dim=8, epoch=50, lr=0.5, thread=1, verbose=0)
    trained.save_model(str(folder / "model.bin"))
    return str(folder / "model.bin")


def test_a_fasttext_model_by_codes_of_iso_639_1(model):
    texts = [SENTENCES["en"], SENTENCES["de"] + "\n" + SENTENCES["de"], " ".join(SENTENCES["zh"]), "12 34", "", None]
    config = LanguageConfig(model=model)
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    rows = STAGE.apply(table, None, STAGE.prepare(None, config), config).to_pylist()
    assert [row["language"] for row in rows] == ["en", "de", "zh", None, None, None]
    assert all(0.5 < row["language_score"] <= 1 for row in rows[:3])
    assert all(row["language_score"] == 0 for row in rows[3:])


def test_a_model_that_is_none_or_has_other_labels_is_refused(model, tmp_path, monkeypatch):
    (tmp_path / "none.bin").write_bytes(b"none")
    with pytest.raises(UsageError, match=r"none\.bin"):
        fasttext.load_languages(str(tmp_path / "none.bin"))
    monkeypatch.setattr(fasttext.iso639, "of_label", lambda label: None)
    with pytest.raises(UsageError, match="no code of a language"):
        fasttext.load_languages(model)


def test_a_model_that_is_not_there_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ValidationError, match="no file there"):
        LanguageConfig(model=str(tmp_path / "lid.bin"))
    with pytest.raises(ValidationError, match="no file there"):
        LanguageConfig(model=str(tmp_path))


def test_the_memory_of_a_model_follows_its_file(tmp_path):
    load = Load("apply", 0, 1, 100)
    (tmp_path / "lid.bin").write_bytes(b"")
    config = LanguageConfig(model=str(tmp_path / "lid.bin"))
    empty = memory(load, config)
    (tmp_path / "lid.bin").write_bytes(b"x" * 100)
    assert memory(load, config) == empty + 150
