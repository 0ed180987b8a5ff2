package tabular

import (
	"strings"

	"golang.org/x/text/language"

	"acervo/internal/book"
)

// parseLanguage reads a language by its tag (pt-BR, pt_BR), its code of three
// letters (por), or its name in English, Portuguese or its own words. The rules
// of a draft have the last word on tags.
func parseLanguage(cell string) (string, trouble) {
	tag := strings.ReplaceAll(cell, "_", "-")
	if subtag, _, _ := strings.Cut(tag, "-"); len(subtag) == 2 || len(subtag) == 3 {
		if parsed, err := language.Parse(tag); err == nil { // which knows por and fre for pt and fr
			return parsed.String(), trouble{}
		}
	} else if tag = languageName(book.Fold(cell)); tag != "" {
		return tag, trouble{}
	}
	return "", trouble{"not_a_language", "is no language that is known by this name"}
}

// languageName knows the languages that books are catalogued in, their names
// folded.
func languageName(folded string) string {
	switch folded {
	case "english", "ingles", "inglesa", "lingua inglesa":
		return "en"
	case "american english", "english (us)", "english (united states)", "ingles americano", "us english", "ingles (eua)":
		return "en-US"
	case "british english", "english (uk)", "english (united kingdom)", "ingles britanico", "uk english":
		return "en-GB"
	case "portuguese", "portugues", "portuguesa", "lingua portuguesa":
		return "pt"
	case "brazilian portuguese", "portuguese (brazil)", "portugues (brasil)", "portugues brasileiro", "portugues do brasil", "portugues br", "portugues-br", "portuguese brazilian":
		return "pt-BR"
	case "european portuguese", "portuguese (portugal)", "portugues (portugal)", "portugues de portugal", "portugues europeu":
		return "pt-PT"
	case "spanish", "espanhol", "espanol", "castellano", "castelhano", "castilian", "spanish; castilian":
		return "es"
	case "french", "frances", "francais":
		return "fr"
	case "german", "alemao", "deutsch":
		return "de"
	case "italian", "italiano":
		return "it"
	case "dutch", "holandes", "neerlandes", "nederlands", "dutch; flemish":
		return "nl"
	case "catalan", "catalao", "catala":
		return "ca"
	case "galician", "galego":
		return "gl"
	case "basque", "basco", "euskara":
		return "eu"
	case "esperanto":
		return "eo"
	default:
		return otherLanguage(folded)
	}
}

func otherLanguage(folded string) string {
	switch folded {
	case "latin", "latim", "latina":
		return "la"
	case "greek", "grego", "modern greek", "greek, modern (1453-)", "grego moderno":
		return "el"
	case "ancient greek", "grego antigo", "greek, ancient (to 1453)":
		return "grc"
	case "russian", "russo", "русскии":
		return "ru"
	case "ukrainian", "ucraniano":
		return "uk"
	case "polish", "polones", "polski":
		return "pl"
	case "czech", "tcheco", "checo", "cestina":
		return "cs"
	case "hungarian", "hungaro", "magyar":
		return "hu"
	case "romanian", "romeno", "romana":
		return "ro"
	case "swedish", "sueco", "svenska":
		return "sv"
	case "norwegian", "noruegues", "norsk":
		return "no"
	default:
		return farLanguage(folded)
	}
}

func farLanguage(folded string) string {
	switch folded {
	case "danish", "dinamarques", "dansk":
		return "da"
	case "finnish", "finlandes", "suomi":
		return "fi"
	case "turkish", "turco", "turkce":
		return "tr"
	case "arabic", "arabe":
		return "ar"
	case "hebrew", "hebraico":
		return "he"
	case "persian", "persa", "farsi":
		return "fa"
	case "hindi":
		return "hi"
	case "japanese", "japones", "日本語":
		return "ja"
	case "chinese", "chines", "mandarin", "mandarim", "中文":
		return "zh"
	case "korean", "coreano":
		return "ko"
	case "tupi":
		return "tpn"
	case "guarani":
		return "gn"
	default:
		return ""
	}
}
