package book_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"acervo/internal/book"
)

func TestFoldKeepsWhatPeopleLookForAndNoMore(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                             "",
		"Dom Casmurro":                 "dom casmurro",
		"ÁÀÂÃÄÅ çñ":                    "aaaaaa cn",
		"A\u0301gua":                   "agua",
		"Straße STRASSE STRA\u1e9eE":   "strasse strasse strasse",
		"İstanbul Iğdır ısı":           "istanbul igdir isi",
		"Łódź Ørsted Đà Nẵng":          "lodz orsted da nang",
		"Œuvres Æneid Þing Ħal Ŧ Ð":    "oeuvres aeneid thing hal t d",
		"Ἀχιλλεύς ΟΔΥΣΣΕΥΣ":            "αχιλλευσ οδυσσευσ",
		"Ещё Йод":                      "еще иод",
		"吾輩は猫である":                      norm.NFD.String("吾輩は猫である"), // で is not て
		"ｶﾞ パ":                         norm.NFD.String("ガ パ"),
		"हिन्दी คู่มือ":                "हिन्दी คู่มือ",
		"مُحَمَّد أحمد":                "محمد احمد",
		"\u13a0\uab70":                 "\u13a0\u13a0", // Cherokee
		"ﬁn ﬂ Ⅷ ² Ｗｉｄｅ ｶ":              "fin fl viii 2 wide カ",
		"한국":                           norm.NFKD.String("한국"),
		"שָׁלוֹם":                      "שלום",
		"a\u00adb\u200dc\ufeffd\ufe0f": "abcd",
		"  The \t Old\u00a0 Man\n":     "the old man",
		"a\x00b\x7fc":                  "a b c",
		"100% _sure_ \\o/ [x] *?":      "100% _sure_ \\o/ [x] *?",
		"\u0301\u200b":                 "",
		"a\xffb":                       "a\ufffdb",
	} {
		if got := book.Fold(s); got != want {
			t.Errorf("%q is folded to %q, want %q", s, got, want)
		}
	}
}

func TestFoldSeesWhatBeginsAText(t *testing.T) {
	t.Parallel()
	letters := rapid.StringOf(rapid.RuneFrom(nil, unicode.Letter, unicode.Nd, unicode.Punct, unicode.Zs, unicode.So))
	rapid.Check(t, func(t *rapid.T) {
		start, rest := letters.Draw(t, "start"), letters.Draw(t, "rest")
		if whole, start := book.Fold(start+rest), book.Fold(start); !strings.HasPrefix(whole, start) {
			t.Fatalf("%q does not begin with %q", whole, start)
		}
	})
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Água", "A\u0301", "İıßŁøŒ", "Ὀδύσσεια\u0345", "한", "\ufdfa", "\u1e9e\u212b", "a\xff\x00\u00ad", "ꭰᏸ\u13a0", "\U0001d165\u034f\u302e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := book.Fold(s)
		if again := book.Fold(folded); again != folded {
			t.Errorf("%+q is folded to %+q, and that to %+q", s, folded, again)
		}
		if !utf8.ValidString(folded) || strings.ContainsFunc(folded, unicode.IsControl) || strings.TrimSpace(folded) != folded {
			t.Errorf("%+q is folded to %+q", s, folded)
		}
		if !utf8.ValidString(s) {
			return
		}
		for _, same := range []string{norm.NFC.String(s), norm.NFD.String(s), norm.NFKC.String(s), " " + s + "\t"} {
			if got := book.Fold(same); got != folded {
				t.Errorf("%+q is folded to %+q, but %+q to %+q", s, folded, same, got)
			}
		}
	})
}
