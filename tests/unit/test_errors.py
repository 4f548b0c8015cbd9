from curate.errors import counted, there_are


def test_few_names_are_all_shown_and_of_many_the_nearest():
    assert there_are(["a", "b"], "c") == "there are: a, b"
    many = [f"rules_{name}_{number}" for name in ("word", "line") for number in range(40)] + ["language"]
    assert there_are(many, "langage") == "there are 81, such as language"
    assert there_are(many, "rules_lines_3").startswith("there are 81, such as rules_line_3")
    assert len(there_are(many, "qqq").split(", ")) == 9


def test_counted():
    assert [counted(number, "document") for number in (0, 1, 2000)] == ["0 documents", "1 document", "2,000 documents"]
