"""The one form in which the protection compares texts: places, streets, telephone numbers, mail and people's names.

Belongs here: SQL macros from a text in plain letters (`letters.read_plainly`), however it is written, to what is compared of it.
Not here: which letters read alike (`letters`), what follows when two are equal (`household`, `places`, `firewall`), the gates (SQL of their own).

    plain(t)         capitals, digits and commas, all else a space; apostrophes closed up
    squashed(t)      capitals and digits alone
    letters(t)       letters alone, of any script
    words_of(t)      words of any script, without titles and initials
    digits_of(t)     digits without leading noughts
    postcodes_in(t)  list of postcodes, also spaced out or grown together with a word
    postcode_of(t)   the first that stands apart, else the first
    lines_of(t)      an address without postcodes, number and word taken apart, leading noughts gone
    numbers_in(l)    of such lines: 14 and 14A of "14A Sidwick Lane"
    roads_in(l)      of such lines: list of {road, stem}: "14 SIDWICKLANEEXETER" and "14 SIDWICKL"; of "12-14" one for each, of "14 Mt
                     Pleasant" and "14 2nd Avenue" one with the first word written out, too
    phones_in(t)     every nine digits in a row
    mails_in(t)      addresses of electronic mail
    reached_at(t)    telephone numbers (their last nine digits) and addresses of electronic mail
    people_in(t)     a person's name, by its words in whatever order, or grown together
    names_in(t)      words of names in a text of people: without kinship, "and", "nee", "of", and what joins the parts of a name
    says_kin(t)      whether a text tells whose mother, carer … somebody is
    tells_whose(t)   whether a name tells whose child, twin … somebody is, or whom else to look for
    says_with(t)     whether an address tells with whom somebody lives
    says_two(t)      whether a name holds more than one, or something beside it: "Ida & Tom", "Ida (Tom)"
    says_family(t)   whether a text tells which family lives somewhere
    said_in(t)       every word of a text, and every two that follow each other grown together; words with an apostrophe, or a digit
                     beside a letter, as `names_in` has them, too
    called_in(t, n)  the words of a name, those that follow each other also grown together ("Mc Donald"); where these are fewer than n, with
                     what else joins names ("Kim Do")
    last_in(t)       of one person: the family name's words (the last, what is joined to it, and one before a comma)
    grown_of(…)      a given name, or all of them, and a family name grown together, in either order
    may_slip(w)      whether a word is held against others with a letter wrong: a shorter one is soon another, a longer one is no name, and costs
                     its length squared
    slips(w)         a word, and where it may slip what it is with any one letter wrong, left out or too many
    slips_of(w)      the same of a word that is looked for, also with two letters exchanged: both have one in common
    begins_of(w), ends_of(w)  the beginning and the end of a word that is looked for, of which one letter wrong, left out or too many, or two
                     exchanged, leaves one as it is: what is the word but for that has it among its `begins_in` or its `ends_in`
    says_birth(t)    whether somebody is told to be of the family of birth

Two roads are one, `one_road(a, b)`, when the stem of either (number, first word, next letter) begins the other: Ln is Lane, and
words may be parted, hyphened or left off at the end (a single word of three letters does not say enough). `bucket(road)` is equal whenever they are one.
"""

from __future__ import annotations

from pipelines.protection.letters import LETTER

__all__ = ["macros"]

_POSTCODE = "(?:[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|GIR ?0AA)"
_SPACED_OUT = "[A-Z](?: [A-Z])? [0-9](?: [A-Z0-9])? [0-9] [A-Z] [A-Z]"
_ANY_POSTCODE = rf"\b(?:{_POSTCODE}|{_SPACED_OUT})\b"
_HOMES = "FLAT|FLT|APARTMENT|APT|UNIT|ROOM|RM"  # a number after these is not the house's
_HOUSES = f"{_HOMES}|NO|NOS|NR|NUM|NUMBER|HOUSE|AT"
_TITLES = (
    "'MR', 'MRS', 'MS', 'MISS', 'DR', 'MUM', 'MUMMY', 'MOTHER', 'DAD', 'DADDY', 'FATHER', 'NAN', 'NANNY', 'GRAN', "
    "'GRANNY', 'GRANDMOTHER', 'GRANDAD', 'GRANDFATHER', 'AUNT', 'AUNTY', 'AUNTIE', 'UNCLE', 'CARER', 'GUARDIAN', "
    "'MAM', 'MOM', 'NANA', 'NANNA', 'GRANDMA', 'GRANDPA', 'GRANDDAD', 'STEP', 'STEPMUM', 'STEPMOTHER', 'STEPDAD', 'STEPFATHER', "
    "'SISTER', 'BROTHER', 'REV', 'REVD', 'SIR', 'PROF', 'JUNIOR', 'JR', 'SR'"  # none that is a family name as well
)
# what stands among the names of people and is none
_ADDED = (
    "'BIRTH', 'BIOLOGICAL', 'BIO', 'NATURAL', 'ADOPTIVE', 'ADOPTED', 'ADOPTER', 'FOSTER', 'KINSHIP', 'PR', 'PARENT', 'PARENTS', 'CARERS', "
    "'GUARDIANS', 'SPECIAL', 'LEGAL', 'FAMILY', 'WIFE', 'HUSBAND', 'PARTNER', 'SON', 'DAUGHTER', 'SIBLING', 'SIBLINGS', 'COUSIN', 'FRIEND', "
    "'GRANDPARENT', 'GRANDPARENTS', 'MATERNAL', 'PATERNAL', 'RESPONSIBILITY', 'AND', 'OR', 'NEE', 'BORN', 'FORMERLY', 'PREVIOUSLY', 'KNOWN', 'AS', "
    "'AKA', 'FKA', 'ALIAS', 'THE', 'OF', 'TO', 'FOR', 'WITH', 'AT', 'IN', 'ON', 'BY', 'IS', 'HER', 'HIS', 'THEIR', 'EX', 'LATE', 'ALSO', 'CONTACT', "
    "'VAN', 'VON', 'DER', 'DEN', 'DE', 'DI', 'DA', 'DO', 'DU', 'LA', 'LE', 'EL', 'AL', 'BIN', 'BINTI', 'BINT', 'IBN', 'UD', 'UL', 'MC', 'MAC', 'ST'"
)
# in a name, that it tells of another child or person
_WHOSE = (
    "of|see|baby|infant|unborn|twin|triplet|sib|sibs|sibling|siblings|sister|brother|child|children|son|daughter|kid|mother|mum|mam|mom|father|dad|"
    "bro|sis|cousin|carer|parent|c/o|care|with|aka|alias|also|now|same|duplicate|dup|ref"
)
_RUN = rf"[0-9](?:[^0-9{LETTER},;@\n]*[0-9])+"  # digits with anything but letters and what divides a list

# a street's first word, shortened; what is read of it besides is its whole form
_FIRST = "([0-9][A-Z]?[ ,]+(?:THE )?)"
_WHOLE = {
    "MT": "MOUNT", "GT": "GREAT", "UPR": "UPPER", "LWR": "LOWER", "N": "NORTH", "S": "SOUTH", "E": "EAST", "W": "WEST",
    "DR": "DOCTOR", "DRIVE": "DOCTOR", "1 ST": "FIRST", "2 ND": "SECOND", "3 RD": "THIRD", "4 TH": "FOURTH", "5 TH": "FIFTH",
    "6 TH": "SIXTH", "7 TH": "SEVENTH", "8 TH": "EIGHTH", "9 TH": "NINTH", "10 TH": "TENTH",
}  # fmt: skip
_SHORTENED = rf"{_FIRST}(?:{'|'.join(_WHOLE)}) [A-Z]{{2}}"


def _written_out(lines: str) -> str:
    for short, whole in _WHOLE.items():
        lines = rf"regexp_replace({lines}, '{_FIRST}{short} ([A-Z]{{2}})', '\1{whole} \2', 'g')"
    return lines


_MACROS = rf"""
    CREATE MACRO folded(t) AS upper(strip_accents(replace(t, '`', '''')));
    CREATE MACRO plain(t) AS
        regexp_replace(regexp_replace(folded(t), '['']', '', 'g'), '[^A-Z0-9,]+', ' ', 'g');
    CREATE MACRO squashed(t) AS regexp_replace(folded(t), '[^A-Z0-9]', '', 'g');
    CREATE MACRO letters(t) AS nullif(regexp_replace(folded(t), '[^{LETTER}]', '', 'g'), '');
    CREATE MACRO digits_of(t) AS nullif(ltrim(regexp_replace(folded(t), '[^0-9]', '', 'g'), '0'), '');
    CREATE MACRO spoken(t) AS list_filter(
        string_split(regexp_replace(regexp_replace(folded(t), '['']', '', 'g'), '[^0-9{LETTER}]+', ' ', 'g'), ' '),
        lambda word: length(word) > 1);
    CREATE MACRO words_of(t) AS list_filter(spoken(t), lambda word: word NOT IN ({_TITLES}));

    -- grown together with a word before it, one letter or two may begin it
    CREATE MACRO postcodes_in(t) AS list_distinct(list_transform(list_concat(list_concat(
            regexp_extract_all(plain(t), '{_ANY_POSTCODE}'), regexp_extract_all(plain(t), '{_POSTCODE}')),
            regexp_extract_all(plain(t), '[A-Z][0-9][A-Z0-9]? ?[0-9][A-Z]{{2}}')),
        lambda code: replace(code, ' ', '')));
    CREATE MACRO postcode_of(t) AS replace(coalesce(
        nullif(regexp_extract(plain(t), '{_ANY_POSTCODE}'), ''), nullif(regexp_extract(plain(t), '{_POSTCODE}'), '')), ' ', '');
    CREATE MACRO without_postcodes(t) AS
        regexp_replace(replace(plain(t), 'SAINT ', 'ST '), '{_ANY_POSTCODE}', ' ', 'g');
    CREATE MACRO lines_of(t) AS regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        without_postcodes(t),
        '([0-9])([A-Z]{{2,}})', '\1 \2', 'g'),
        '\b({_HOUSES})([0-9])', '\1 \2', 'g'),
        '\b0+([0-9])', '\1', 'g'),
        ' +', ' ', 'g');
    CREATE MACRO numbers_in(lines) AS list_sort(list_distinct(list_concat(
        regexp_extract_all(lines, '\b[0-9]+[A-Z]?\b'), regexp_extract_all(lines, '\b([0-9]+)[A-Z]?\b', 1))));

    CREATE MACRO numbered_roads(lines) AS regexp_extract_all(
        regexp_replace(regexp_replace(lines,
            '\b(?:{_HOMES}) [0-9]+[A-Z]?[ ,]+([0-9])', ', \1', 'g'),
            '([0-9][A-Z]?) (?:AND|TO|OR) ([0-9])', '\1 \2', 'g'),
        '\b(?:[0-9]+[A-Z]? ){{0,3}}[0-9]+[A-Z]?(?: [A-Z])?[ ,]+[A-Z]{{2}}[A-Z ]*');
    CREATE MACRO words_after(road) AS trim(regexp_replace(road, '^[0-9A-Z ]*[0-9][A-Z]?(?: [A-Z])?[ ,]+(?:THE )?', ''));
    CREATE MACRO roads_in(lines) AS flatten(list_transform(numbered_roads(
        CASE WHEN regexp_matches(lines, '{_SHORTENED}') THEN lines || ';' || {_written_out("lines")} ELSE lines END), lambda each: list_transform(
        regexp_extract_all(each, '\b([0-9]+)[A-Z]?\b', 1), lambda number: {{
            'road': number || ' ' || replace(words_after(each), ' ', ''),
            'stem': number || ' ' || replace(regexp_extract(words_after(each), '^[A-Z]+(?: [A-Z])?'), ' ', '')}})));
    CREATE MACRO bucket(road) AS regexp_extract(road, '^(?:[0-9]+ )?.{{0,3}}');
    CREATE MACRO one_road(road, stem, other, other_stem) AS
        road = other OR (stem <> road OR length(stem) - strpos(stem, ' ') > 3) AND starts_with(other, stem)
            OR (other_stem <> other OR length(other_stem) - strpos(other_stem, ' ') > 3) AND starts_with(road, other_stem);

    -- the last nine digits are the same however the number begins (0, +44, 0044): every nine digits in a row that a text holds
    CREATE MACRO phones_in(t) AS flatten(list_transform(
        regexp_extract_all(squashed(t), '[0-9]{{9,}}'),
        lambda run: list_transform(range(1, length(run) - 7), lambda place: run[place:place + 8])));
    CREATE MACRO mails_in(t) AS regexp_extract_all(
        lower(folded(t)), '[0-9{LETTER}][0-9{LETTER}._%+''-]*@[0-9{LETTER}-]+(?:\.[0-9{LETTER}-]+)*');
    -- two numbers with a space or stroke between them are read apart, and as one, since either may stand anywhere
    CREATE MACRO reached_at(t) AS list_distinct(list_concat(mails_in(t), list_filter(flatten(list_transform(
        list_concat(list_concat(
            regexp_extract_all(folded(t), '{_RUN}'), regexp_extract_all(replace(folded(t), ' 0', ',0'), '{_RUN}')),
            regexp_extract_all(replace(folded(t), '/', ','), '{_RUN}')),
        lambda run: [
            CASE WHEN length(squashed_digits(run)) > 8 THEN squashed_digits(run)[-9:] ELSE '' END,
            regexp_extract(squashed_digits(run), '^(?:(?:00)?440?|0)[0-9]([0-9]{{9}})', 1)])), lambda number: number <> '')));

    -- each in a lambda's own parameter: what is written twice is compiled twice, and classes of letters of any script take long
    CREATE MACRO people_of(spoken, words, t) AS CASE
        WHEN len(words) > 0 THEN list_distinct([
            array_to_string(list_sort(words), ''), array_to_string(words, ''), array_to_string(list_reverse(words), '')])
        WHEN len(spoken) > 0 THEN [array_to_string(list_sort(spoken), '')]
        ELSE [upper(trim(t))] END;
    CREATE MACRO people_in(t) AS list_transform([spoken(t)], lambda said: list_transform(
        [list_filter(said, lambda word: word NOT IN ({_TITLES}))], lambda words: people_of(said, words, t))[1])[1];

    -- an apostrophe ("Khan's" is Khan, too), or a digit beside a letter: of all other texts a second reading has the same words
    CREATE MACRO has_more(t) AS regexp_matches(t, '[''`\x{{2019}}\x{{02bc}}]|[0-9][{LETTER}]|[{LETTER}][0-9]');
    CREATE MACRO read_twice(t) AS list_concat(spoken(t), spoken(regexp_replace(t, '(?i)[''`\x{{2019}}\x{{02bc}}]s\b|[0-9]+', ' ', 'g')));
    CREATE MACRO names_in(t) AS list_distinct(list_filter(
        CASE WHEN has_more(t) THEN read_twice(t) ELSE spoken(t) END, lambda word: word NOT IN ({_TITLES}, {_ADDED})));
    CREATE MACRO says_kin(t) AS regexp_matches(t, '(?i)[''`\x{{2019}}\x{{02bc}}]s\b|\bof\b') OR len(list_filter(spoken(t), lambda word: word IN ({_TITLES}))) > 0;
    CREATE MACRO tells_whose(t) AS regexp_matches(t, '(?i)[''`\x{{2019}}\x{{02bc}}]s\b|\b(?:{_WHOSE})\b');
    CREATE MACRO says_with(t) AS regexp_matches(t, '(?i)\b(?:c\W{{0,3}}o|care|with|stay(?:s|ing)|lodg(?:es|ing)|liv(?:es|ing)|visit(?:s|ing)|chez|at the home of)\b');
    CREATE MACRO grown_of(given, all_given, family) AS list_distinct([given || family, family || given, all_given || family, family || all_given]);
    CREATE MACRO says_two(t) AS regexp_matches(t, '(?i)[&+/,;(\[|]|\s[-\x{{2013}}\x{{2014}}]\s|\b(?:and|alongside|beside|und|et|y|plus|w|n)\b');
    CREATE MACRO says_family(t) AS regexp_matches(t, '(?i)\b(?:family|household|residence)\b');
    CREATE MACRO joined_of(said) AS list_transform(list_zip(said[:-2], said[2:]), lambda pair: pair[1] || pair[2]);
    CREATE MACRO said_of(said) AS list_concat(said, joined_of(said));
    CREATE MACRO said_in(t) AS CASE WHEN has_more(t) THEN list_concat(said_of(spoken(t)), names_in(t))
        ELSE list_transform([spoken(t)], lambda said: said_of(said))[1] END;
    CREATE MACRO called_of(said, named, least) AS list_distinct(list_concat(CASE WHEN len(named) < least THEN said ELSE named END, joined_of(said)));
    CREATE MACRO called_in(t, least) AS list_transform([list_filter(spoken(t), lambda word: word NOT IN ({_TITLES}))], lambda said:
        list_transform([names_in(t)], lambda named: called_of(said, named, least))[1])[1];
    CREATE MACRO last_of(t) AS list_distinct(list_filter(list_concat(
        [list_filter(spoken(t), lambda word: word NOT IN ({_TITLES}, {_ADDED}))[-1]],
        list_concat(names_in(regexp_extract(trim(t), '[^\s]+$')), list_concat(
            names_in(regexp_extract(t, '^\s*([^\s,]+)\s*,', 1)), names_in(regexp_extract(t, '(?i)\bn[eé]e\s+([^\s,]+)', 1))))),
        lambda word: word IS NOT NULL));
    CREATE MACRO last_in(t) AS last_of(regexp_replace(t, '[(\[][^)\]]*[)\]]', ' ', 'g'));
    CREATE MACRO may_slip(w) AS length(w) BETWEEN 5 AND 64;
    CREATE MACRO wrong_in(w) AS flatten(list_transform(range(0, length(w) + 1), lambda place: [
        left(w, place) || '?' || right(w, length(w) - place), left(w, place) || '?' || right(w, greatest(length(w) - place - 1, 0))]));
    CREATE MACRO slips(w) AS list_distinct(CASE WHEN may_slip(w) THEN list_append(wrong_in(w), w) ELSE [w] END);
    CREATE MACRO slips_of(w) AS list_distinct(CASE WHEN may_slip(w) THEN list_concat(slips(w), list_transform(range(1, length(w)),
        lambda place: left(w, place - 1) || w[place + 1] || w[place] || right(w, length(w) - place - 1))) ELSE [w] END);
    CREATE MACRO begins_of(w) AS left(w, length(w) // 2);
    CREATE MACRO ends_of(w) AS right(w, (length(w) - 1) // 2);
    CREATE MACRO begins_in(w) AS [left(w, (length(w) - 1) // 2), left(w, (length(w) + 1) // 2)];
    CREATE MACRO ends_in(w) AS [right(w, (length(w) - 2) // 2), right(w, length(w) // 2)];
    CREATE MACRO says_birth(t) AS regexp_matches(array_to_string(spoken(t), ' '), '\b(?:BIRTH[A-Z]*|BIOLOGICAL[A-Z]*|BIOL?|NATURAL)\b');
"""


def macros() -> str:
    """SQL that creates the macros above, for `install_macros`."""
    return _MACROS.replace("squashed_digits(run)", "regexp_replace(run, '[^0-9]', '', 'g')")
