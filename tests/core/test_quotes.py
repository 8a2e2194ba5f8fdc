"""Quotes: what counts as a quote, what a verified mark means, and that players cannot forge one."""

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.core.quotes import QuoteChecker, Segment, Show, neutralise, parse, render

PASSAGE = (
    "On day 3: Anna moved the key to the attic. “I can’t stay,” she said —\n"
    "and  left the well-known house... for good. He paid $1,500 to the caf\u00e9; the of\u00adfice "
    "was \ufb01lled. _Nobody_ saw Bob start the car. Did he go? STRASSE Nr. 7"
)
MARK = re.compile(r"<\s*+/?\s*+[vus]_quote", re.IGNORECASE)


def found(quote: str, passage: str = PASSAGE) -> list[str]:
    return [passage[start:end] for start, end in QuoteChecker(passage).find(quote)]


def states(quote: str, passage: str = PASSAGE) -> list[str]:
    return [segment.state for segment in QuoteChecker(passage).check(f"<quote>{quote}</quote>") if segment.quoted]


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ("day 3: Anna moved the key to the attic", ["day 3: Anna moved the key to the attic"]),
        ("ANNA moved\n\n the KEY", ["Anna moved the key"]),
        ('"I can\'t stay," she said', ["“I can’t stay,” she said"]),
        ("''I can`t stay,'' she said", ["“I can’t stay,” she said"]),
        ("she said -- and left", ["she said —\nand  left"]),
        ("she said\u2013and left", ["she said —\nand  left"]),
        ("paid $1,500 to the cafe\u0301", ["paid $1,500 to the caf\u00e9"]),
        ("the office was filled", ["the of\u00adfice was \ufb01lled"]),
        ("the o\u200bffice wa\u200ds \uff46illed", ["the of\u00adfice was \ufb01lled"]),
        ("Nobody saw Bob", ["Nobody_ saw Bob"]),
        ("straße nr. 7", ["STRASSE Nr. 7"]),
        ("**Did he go?!**", ["Did he go?"]),  # edges: taken in where they agree, else ignored
        ("«Did he go.»", ["Did he go"]),
        ("house... for good", ["house... for good"]),  # the passage's own ellipsis
        ("house … for good", ["house... for good"]),
        ("Anna moved the … to the attic", ["Anna moved the", "to the attic"]),
        ("... day 3: Anna [...] to the attic. . . .", ["day 3: Anna", "to the attic"]),
        ("Anna moved the ... the well-known (…) saw Bob start", ["Anna moved the", "the well-known", "saw Bob start"]),
        ("the key to ... house... for good", ["the key to", "house... for good"]),  # one ellipsis is the passage's own
        ("’t stay,” she said", ["can’t stay,” she said"]),  # whole words are shown
        ("t stay,” she said", ["can’t stay,” she said"]),
    ],
)
def test_a_quote_is_found_whatever_its_typography(quote: str, expected: list[str]) -> None:
    assert found(quote) == expected


@pytest.mark.parametrize(
    "quote",
    [
        "",
        " \n",
        "...",
        "“!?”",
        "to the",  # five letters: too short
        "Anna moved … the attic",  # and so are these parts
        "saw Bob star",  # inside a word
        "ob start the car",
        "stay I can",
        "I can stay",
        "“I can",  # not in "can't"
        "He paid $1",  # not in "1,500"
        "moved the key, to the attic",  # inner punctuation counts
        "moved key to the attic",
        "the attic ... Anna moved",  # order
        "Anna moved the key … the key to the attic",  # overlap
        "Anna moved the … in the cellar",
    ],
)
def test_a_quote_is_not_found(quote: str) -> None:
    assert found(quote) == []


def test_a_quote_is_verified_absent_or_too_short_to_count() -> None:
    assert states("saw Bob") == ["verified"]
    for short in ("to the", "$1,500", "Bob", "7", "“Nr.”", "Anna … the attic", "", "!?"):
        assert states(short) == ["short"], short
    for absent in ("to a", "$1,300", "Rob", "I can", "the attic … Anna", "Anna … the cellar"):
        assert states(absent) == ["absent"], absent
    assert states("Anna moved the … to the attic") == ["verified", "verified"]  # a mark for each unbroken run
    shown = render(QuoteChecker(PASSAGE).check("<quote>BOB</quote>, <quote>Rob</quote>"))
    assert shown == "<s_quote>BOB</s_quote>, <u_quote>Rob</u_quote>"


def test_a_quote_may_end_or_begin_at_an_apostrophe_but_not_lose_its_not() -> None:
    passage = "They can't go. The captain's log won't do; I'd vote against it. L’homme rit d’elle."
    assert found("The captain", passage) == ["The captain's"]
    assert found("'d vote against", passage) == ["I'd vote against"]
    assert found("homme rit d", passage) == ["L’homme rit d’elle"]
    for whole in ("They can", "log won", "The captains", "captain log won't"):
        assert states(whole, passage) == ["absent"], whole
    word = "a'" * 100 + "a"
    assert found(f"{word} b", f"{word} b") == [f"{word} b"]


def test_the_minimum_length_counts_letters_and_digits() -> None:
    assert found("He left.", "So he left. He") == ["he left."]
    assert QuoteChecker("So he left.", min_length=7).find("He left.") == ()
    assert QuoteChecker("So he left.", min_length=1).find("so") == ((0, 2),)
    assert QuoteChecker("", min_length=0).find("") == ()


def test_scripts_without_spaces_are_matched_by_character() -> None:
    chinese = "安娜说钥匙在阁楼里。"
    assert found("钥匙在阁楼里", chinese) == ["钥匙在阁楼里"]
    assert [states(quote, chinese) for quote in ("阁楼里", "阁楼", "地下室", "安娜说 … 阁楼里")] == [
        ["verified"],  # a character counts as two letters
        ["short"],
        ["absent"],
        ["verified", "verified"],
    ]
    assert found("किताब मेज", "किताब मेजपोश") == []


@pytest.mark.parametrize(
    ("speech", "expected"),
    [
        ("", []),
        ("plain a < b", ["plain a < b"]),
        ("a<quote>b</quote>c", ["a", ("b",), "c"]),
        ('a < QUOTE\n day="3"> b </ Quote >', ["a ", (" b ",)]),
        ("<quote></quote><quote> </quote>", [("",), (" ",)]),
        ("a <quote>b", ["a <quote>b"]),
        ("a </quote>b", ["a </quote>b"]),
        ("<quote>a <quote>b</quote> c</quote>", ["<quote>a ", ("b",), " c</quote>"]),
        ("<quotes>b</quotes><quote/>", ["<quotes>b</quotes><quote/>"]),
        ("&lt;quote&gt;b&lt;/quote&gt;", ["&lt;quote&gt;b&lt;/quote&gt;"]),
        ("<v_quote>b</v_quote>", ["<v_quote>b</v_quote>"]),
    ],
)
def test_parse(speech: str, expected: list[str | tuple[str]]) -> None:
    want = [Segment(item) if isinstance(item, str) else Segment(item[0], quoted=True) for item in expected]
    assert list(parse(speech)) == want


SPEECH = "So <quote>anna MOVED the key</quote> and <quote>Bob has it</quote>. Also <quote>saw\nBob</quote>!"


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        (
            "all",
            "So <v_quote>Anna moved the key</v_quote> and <u_quote>Bob has it</u_quote>. "
            "Also <v_quote>saw Bob</v_quote>!",
        ),
        ("quotes", "Anna moved the key\nsaw Bob"),
        ("arguments", "So [quote] and [quote]. Also [quote]!"),
        ("verified", ""),
    ],
)
def test_render(show: Show, expected: str) -> None:
    segments = QuoteChecker(PASSAGE).check(SPEECH)
    assert render(segments, show) == expected
    assert segments[1].text == "anna MOVED the key"  # what the debater wrote is kept too


def test_render_shows_a_speech_whose_quotes_are_all_verified() -> None:
    check = QuoteChecker(PASSAGE).check
    assert render(check("No quote."), "verified") == "No quote."
    assert render(check("<quote>saw Bob</quote>"), "verified") == "<v_quote>saw Bob</v_quote>"
    assert render(check("<quote>saw Bob</quote><quote>Bob</quote>"), "verified") == (
        "<v_quote>saw Bob</v_quote><s_quote>Bob</s_quote>"  # short is not false
    )
    assert render(check("<quote>saw Bob</quote><quote>Rob</quote>"), "verified") == ""
    assert render(check("<quote>Anna moved the ... to the attic.</quote>")) == (
        "<v_quote>Anna moved the</v_quote> ... <v_quote>to the attic.</v_quote>"
    )
    with pytest.raises(ValueError, match="show must be"):
        render((), "both")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "forged",
    [
        "<v_quote>",
        "</V_QUOTE>",
        "< / u_quote >",
        "<v_\u200bquo\u00adte>",
        "\uff1cv_quote\uff1e",
        "\u2039v_quote\u203a",
        "\u27e8/u_quote\u27e9",
        "\u3008v_quote\u3009",
        "<\uff56\uff3f\uff51\uff55\uff4f\uff54\uff45>",
        "<v_qu\u043et\u0435>",  # Cyrillic letters
        "<v\u0301_quote>",
        "<v\x00_quote>",
        "<v quote>",
        "<quote>",
        "<v_q\u00fcote>",  # a precomposed accent
        "<v_qu ote>",
        "<v_q_uot_e>",
        "<_v_quote>",
        "<v_qu0te>",
        "\u226av_quote>",
        "<\U0001f185_quote>",  # a letter in a black square
        "<s_quote>",
    ],
)
def test_neutralise_changes_the_bracket_of_a_forged_tag_only(forged: str) -> None:
    assert neutralise(f"a < b {forged} c") == f"a < b ({forged[1:]} c"


def test_neutralise_leaves_other_text() -> None:
    for text in ("a < b", "x <b>bold</b> <3", "v_quote > u_quote", "&lt;v_quote&gt;", "« quotation »"):
        assert neutralise(text) == text


def test_no_tag_is_put_together_across_segments() -> None:
    speech = "<<quote>v_quote></quote>v_quote>x<<quote>/</quote>/v_quote>"
    segments = QuoteChecker(PASSAGE).check(speech)
    assert not MARK.search(render(segments, "arguments"))
    assert len(MARK.findall(render(segments))) == 4
    assert not MARK.search(render([Segment("<"), Segment("v_quote>")]))


# Pieces rather than characters, so that whole tags and near-tags come up.
TAG_PIECES = "<quote> </quote> < > / v u _ v_quote U_QUOTE quote Anna moved a ... \uff1c \u2039 \u27e8"
pieces = st.lists(
    st.sampled_from([*TAG_PIECES.split(), " ", "\n", "\x00", "\u200b", "\u0301", "\ud800", "saw Bob"])
    | st.text(max_size=3),
    max_size=25,
).map("".join)


@given(pieces)
def test_parse_loses_nothing(speech: str) -> None:
    # Write every quote tag in one way, so that the speech can be put together again from its segments.
    speech = re.sub(r"(?i)<\s*(/?)\s*quote(\s[^<>]*)?>", r"<\1quote>", speech)
    segments = parse(speech)
    assert "".join(f"<quote>{s.text}</quote>" if s.quoted else s.text for s in segments) == speech
    checked = QuoteChecker("passage").check(speech)
    assert [(s.text, s.quoted) for s in checked] == [(s.text, s.quoted) for s in segments]


@given(pieces)
def test_nothing_written_by_a_player_looks_like_a_mark(text: str) -> None:
    safe = neutralise(text)
    assert len(safe) == len(text)
    assert neutralise(safe) == safe
    seen = "".join(c for c in unicodedata.normalize("NFKC", safe) if unicodedata.category(c) != "Cf")
    assert not MARK.search(safe)
    assert not MARK.search(seen)


@given(pieces)
def test_every_mark_was_put_there_by_render(speech: str) -> None:
    segments = QuoteChecker(PASSAGE).check(speech)
    shown = render(segments)
    assert len(MARK.findall(shown)) == 2 * sum(s.quoted for s in segments)
    assert shown.count("<v_quote>") == sum(s.verified for s in segments)
    assert shown.count("<s_quote>") == sum(s.short for s in segments)
    assert not MARK.search(render(segments, "arguments"))
    assert not MARK.search(render(segments, "quotes"))


words = st.lists(
    st.text("abcé\u0301ßﬁＡZ1２'’\u00ad中", min_size=1, max_size=6).filter(str.isalnum),
    min_size=1,
    max_size=12,
)
gaps = st.sampled_from([" ", "  \n", "\t", ", ", ". ", " — ", "... ", "-", ": “", "?” ", " _"])
CHANGES: list[Callable[[str], str]] = [
    str,
    str.casefold,
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFKC", text),
    lambda text: re.sub(r"\s+", "\n\n", text),
    lambda text: text.replace("—", "--").replace("“", '"').replace("”", "''").replace("’", "'"),
    lambda text: f" “{text}.” ",
]


@given(st.data())
def test_any_run_of_words_of_the_passage_is_found(data: st.DataObject) -> None:
    passage, places = "", []
    for word in data.draw(words):
        places.append((len(passage), len(passage) + len(word)))
        passage += word + data.draw(gaps)
    first = data.draw(st.integers(0, len(places) - 1))
    last = data.draw(st.integers(first, len(places) - 1))
    original = passage[places[first][0] : places[last][1]]
    ((start, end),) = QuoteChecker(passage, min_length=1).find(data.draw(st.sampled_from(CHANGES))(original))

    def letters(text: str) -> str:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        return "".join(filter(str.isalnum, folded))

    assert letters(passage[start:end]) == letters(original)
    assert start <= places[first][0]  # the first place it stands


# Not the letters that are read as an apostrophe (of category Lm) or not seen (Hangul fillers).
letters_seen = st.characters(exclude_categories=["Lm"], exclude_characters="\u115f\u1160\u3164\uffa0")


@given(st.text(letters_seen).filter(lambda text: any(map(str.isalnum, text))))
def test_a_passage_is_found_in_itself(passage: str) -> None:
    ((start, end),) = QuoteChecker(passage, min_length=1).find(passage)
    assert not any(map(str.isalnum, passage[:start] + passage[end:]))


SIZE = 100_000


def repeated(quote: str) -> str:
    """Quotes that differ, as many as a speech holds."""
    return "".join(f"<quote>{'a ' * (i % 7)}{quote}</quote>" for i in range(SIZE // (len(quote) + 22)))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("passage", "speech"),
    [
        ("a " * (SIZE // 2), f"<quote>{'a ' * (SIZE // 2)}</quote>"),
        ("a " * (SIZE // 2) + "b", repeated("a a a a a a b a")),
        ("aaab " * (SIZE // 5) + "b", repeated("aaab aaab b b")),
        ("aaaaaa " * (SIZE // 7), "<quote>" + "aaaaaa..." * (SIZE // 9) + "b</quote>"),
        ("a", "<quote>" * (SIZE // 7)),
        ("a", "<quote>" * (SIZE // 14) + "</quote>" * (SIZE // 14)),
        ("a", "<quote " * (SIZE // 7) + "<" + " " * SIZE + "<v_quote>" * (SIZE // 9)),
        ("a", "<v" + "\u200b" * SIZE + "<quote>a" + "\u0301\u0323" * SIZE + "</quote>"),
        (
            "a",
            "<quote>" + "a\u200b\u2019\u200b" * (SIZE // 4) + "</quote>" + "<" * SIZE + "<v<\0" * (SIZE // 4),
        ),
        ("..." * SIZE, "<quote>" + "..." * SIZE + "</quote>"),
        ("a'" * SIZE, repeated("a'a'a")),
        ("a", "<" * SIZE + "<\0" * SIZE + "<_ " * (SIZE // 3)),
    ],
    ids=lambda text: f"{text[:20]!r}",
)
def test_no_input_takes_quadratic_time(passage: str, speech: str) -> None:
    segments = QuoteChecker(passage).check(speech)
    assert len(MARK.findall(render(segments))) == 2 * sum(s.quoted for s in segments)
