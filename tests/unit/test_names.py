"""Reading A7: spellings that are the same name, and spellings that are not."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.names import NameKey, has_title, normalised_name, readings

DIAERESIS = "\u0308"
NO_LETTERS = "\u115f\u1160\u3164\uffa0ʹʻʼʽʾʿ"
"""Letters to Unicode: fillers that nobody sees, and apostrophes."""


def key(name: str) -> NameKey:
    """The key of `given|family`."""
    given, _, family = name.partition("|")
    return normalised_name(given, family)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Jürgen|Müller", "JUERGEN|MUELLER"),
        ("Jürgen|Müller", f"Ju{DIAERESIS}rgen|Mu{DIAERESIS}ller"),
        ("Änne|Öhm", f"A{DIAERESIS}nne|O{DIAERESIS}hm"),
        ("Eva|Mu\u200d\u0308ller", "Eva|Müller"),
        ("Eva|Groß", "Eva|GROSS"),
        ("Eva|GROẞ", "Eva|Gross"),
        ("Zoë|André", "Zoe|Andre"),
        ("İpek|Çelik", "Ipek|Celik"),
        ("Eva|Nguyễn", "Eva|Nguyen"),
        ("Eva|Mu\u034f\u0308ller", "Eva|Müller"),
        ("Astrid|Sjöberg", "ASTRID|SJOEBERG"),
        ("Astrid|Sjøberg", "Astrid|Sjoeberg"),
        ("Yıldız|Işık", "YILDIZ|IŞIK"),
        ("Yıldız|Işık", "Yildiz|Isik"),
        ("Małgorzata|Đorđević", "Malgorzata|Dordevic"),
        ("Læticia|Lœb", "Laeticia|Loeb"),
        ("Eva|Graﬀ", "Eva|Graff"),
        ("مُحَمَّد|الحسن", "محمد|الحسن"),
        ("Anna-Maria|Kurz", "Anna Maria|Kurz"),
        ("Anna \u2013  Maria|Kurz", "Anna\u00a0Maria|Kurz"),
        ("Anna\tMaria|Kurz", "Anna Maria|Kurz"),
        ("Eva|Müller-Lüdenscheidt", "Eva|Müller Lüdenscheidt"),
        ("Eva|O'Brien", "Eva|O’Brien"),
        ("Eva|D´Angelo", "Eva|DAngelo"),
        ("Eva|Kurz,Lang", "Eva|Kurz-Lang"),
        ("\ufeffEva|Ku\u00adrz\u200b", "Eva|Kurz"),
        ("Eva\x00|Kurz", "Eva|Kurz"),
        ("Dr. Eva|Kurz", "Eva|Kurz"),
        ("Eva|Dr.Kurz", "Eva|Kurz"),
        ("Dr. med. dent. Eva|Kurz", "Eva|Kurz"),
        ("Prof.Dr.med.dent. Eva|Kurz", "Eva|Kurz"),
        ("Priv.-Doz. Dr. Eva|Kurz", "Eva|Kurz"),
        ("Eva|Dipl.-Ing. (FH) Kurz", "Eva|Kurz"),
        ("Prof. Dr. h. c. mult. Eva|Kurz", "Eva|Kurz"),
        ("Eva|Kurz M.Sc.", "Eva|Kurz"),
        ("Eva|Kurz, Dr. med.", "Eva|Kurz"),
        ("Dr.-Ing. Eva|Kurz", "Eva|Kurz"),
        ("DR. RER. NAT. Eva|Kurz", "Eva|Kurz"),
        ("Eva|Dipl.-Ing. (Univ.) Kurz", "Eva|Kurz"),
        ("Jun.-Prof. Dr. Eva|Kurz", "Eva|Kurz"),
        ("Prof.in Dr.in Eva|Kurz", "Eva|Kurz"),
        ("Dr. Phil|Kurz", "Phil|Kurz"),
        ("Karl|Kurz jun.", "Karl|Kurz"),
        ("Karl|Kurz sen.", "Karl|Kurz"),
        ("Karl|Kurz-Junior", "Karl|Kurz"),
        ("Hans von|Berg", "Hans|von Berg"),
        ("Hans von der|Berg", "Hans|VON DER  Berg"),
        ("Hans|Berg, von der", "Hans|von der Berg"),
        ("Hans Von|Und Zu Berg", "Hans|von und zu Berg"),
        ("Hans|Van-Der-Berg", "Hans|van der Berg"),
        ("Hans Freiherr von|Berg", "Hans|Freiherr von Berg"),
        ("J.R.|Kurz", "J. R.|Kurz"),
    ],
)
def test_two_spellings_of_one_name_have_the_same_key(left: str, right: str) -> None:
    assert key(left) == key(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Eva|Müller", "Eva|Muller"),
        ("Eva|Meier", "Eva|Meyer"),
        ("Eva|Schmidt", "Eva|Schmid"),
        ("Eva|von Berg", "Eva|Berg"),
        ("Eva|von Berg", "Eva|van Berg"),
        ("Eva|v. Berg", "Eva|von Berg"),
        ("Eva|Graf", "Eva|Baron"),
        ("Eva|Müller von Berg", "Eva|von Müller Berg"),
        ("Eva Maria|Kurz", "Eva|Kurz"),
        ("Eva Maria|Kurz", "Maria Eva|Kurz"),
        ("Evamaria|Kurz", "Eva-Maria|Kurz"),
        ("Kurz|Eva", "Eva|Kurz"),
        ("H. C.|Kurz", "Hans|Kurz"),
        ("Dr. C. Eva|Kurz", "Eva|Kurz"),
        ("Phil|Kurz", "Eva|Kurz"),
        ("Иван|Kurz", "Ivan|Kurz"),
        ("Eva|Müller-Lüdenscheidt", "Eva|Müller"),
        ("Ayşe|Yılmaz-Şen", "Ayşe|Yılmaz"),
        ("Ayşe|Yılmaz-Şen", "Ayşe|Şen-Yılmaz"),
        ("がく|山田", "かく|山田"),
        ("कि|शर्मा", "कु|शर्मा"),
        ("Eva|Şen", "Eva|"),
    ],
)
def test_two_different_names_have_different_keys(left: str, right: str) -> None:
    assert key(left) != key(right)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Hans|von und zu Berg", NameKey(("hans",), "berg", ((0, "von"), (0, "und"), (0, "zu")))),
        ("María|de la Cruz", NameKey(("maria",), "cruz", ((0, "de"), (0, "la")))),
        ("Van|Le", NameKey(("van",), "le", ())),
        ("Jun|Sen", NameKey(("jun",), "sen", ())),
        ("Med|Ing", NameKey(("med",), "ing", ())),
        ("Dr.|Zu", NameKey(("dr.",), "zu", ())),
        ("Eva|Müller von Berg", NameKey(("eva",), "mueller berg", ((1, "von"),))),
        ("Ayşe|Yılmaz Şen", NameKey(("ayse",), "yilmaz", ((0, "sen"),))),
        ("Eva|Von und zu", NameKey(("eva",), "zu", ((0, "von"), (0, "und")))),
        ("Eva|-", NameKey(("eva",), "", ())),
        ("Eva|? ?", NameKey(("eva",), "", ())),
        ("Eva|. \u200b", NameKey(("eva",), "", ())),
        (" | ", NameKey((), "", ())),
    ],
)
def test_splitting_off_titles_and_particles_leaves_a_name_whose_only_word_looks_like_one(
    name: str, expected: NameKey
) -> None:
    assert key(name) == expected


anything = st.text(max_size=20)
written = st.text("aAoOuUsSßẞäÄöÖüÜéÇçıIİiłŁøØ\u0308\u0327\u0301 -'.,\u200b\u034f\tжÏй中", max_size=14)
spoken = st.lists(
    st.sampled_from(
        (
            *("Anna", "Müller", "Şen", "von", "der", "VAN", "zu", "Berg", "Le", "-", ",", "."),
            *("Dr.", "Prof.", "med.", "dent.", "Phil", "Ing.", "jun.", "Sen", "Senior"),
        )
    ),
    max_size=6,
).map(" ".join)
names = anything | written | spoken


@settings(max_examples=200, deadline=None)
@given(names, names)
def test_a_key_does_not_depend_on_composition_invisible_characters_or_spaces_around(
    given_name: str, family_name: str
) -> None:
    expected = normalised_name(given_name, family_name)
    for form in ("NFC", "NFD"):
        respelled = [f" {unicodedata.normalize(form, text)}\u200b " for text in (given_name, family_name)]
        assert normalised_name(*respelled) == expected


@settings(max_examples=200, deadline=None)
@given(written | spoken, written | spoken)
def test_a_key_does_not_depend_on_case(given_name: str, family_name: str) -> None:
    expected = normalised_name(given_name, family_name)
    assert normalised_name(given_name.casefold(), family_name.casefold()) == expected
    assert normalised_name(given_name.upper(), family_name.upper()) == expected


@settings(max_examples=300, deadline=None)
@given(names, names)
def test_what_was_normalised_is_its_own_normal_form(given_name: str, family_name: str) -> None:
    key = normalised_name(given_name, family_name)
    assert normalised_name(" ".join(key.given), key.family) == NameKey(key.given, key.family, ())


@settings(max_examples=200, deadline=None)
@given(names, names)
def test_a_name_with_a_letter_is_never_empty_and_one_without_always_is(
    given_name: str, family_name: str
) -> None:
    key = normalised_name(given_name, family_name)
    for part, text in ((key.given, given_name), (key.family, family_name)):
        visible = unicodedata.normalize("NFD", text.casefold())
        assert bool(part) == any(letter.isalnum() and letter not in NO_LETTERS for letter in visible)


@pytest.mark.parametrize(
    ("name", "titled"),
    [("Dr. Eva|Kurz", True), ("Karl|Kurz jun.", True), ("Eva|von Kurz", False), ("Dr.|Senior", False)],
)
def test_a_title_that_is_passed_over_is_told(name: str, titled: bool) -> None:
    assert has_title(*name.split("|")) is titled


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Eva Kurz", [("Eva", "Kurz")]),
        ("Anna Maria Kurz", [("Anna", "Maria Kurz"), ("Anna Maria", "Kurz")]),
        ("Hans von Berg", [("Hans", "von Berg")]),
        ("Kurz, Anna Maria", [("Anna Maria", "Kurz")]),
        ("Kurz", []),
        ("Kurz -", []),
        ("Kurz,", []),
        ("", []),
    ],
)
def test_one_text_is_read_as_given_and_family_name_in_each_way_that_differs(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert list(readings(text)) == expected
