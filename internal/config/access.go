package config

import (
	"net/url"
	"strings"
)

// Access configures who may do what, apart from the keys.
type Access struct {
	OIDC       OIDC     // whose tokens are taken; none when it has no issuer
	PublicRead bool     // books and covers are read without a key
	Origins    []string // of the pages that may use the API from elsewhere
}

// OIDC says whose tokens are taken, for whom they have to be, and how they name
// the role.
type OIDC struct{ Issuer, Audience, JWKS, RoleClaim string }

// AccessText is Access as it was typed.
type AccessText struct{ OIDCIssuer, OIDCAudience, OIDCJWKS, OIDCRoleClaim, PublicRead, Origins string }

// parse tells wrong of every mistake, by its flag.
func (t AccessText) parse(wrong wrong) Access {
	a := Access{
		OIDC:       OIDC{Issuer: t.OIDCIssuer, Audience: t.OIDCAudience, JWKS: t.OIDCJWKS, RoleClaim: t.OIDCRoleClaim},
		PublicRead: wrong.yes("public-read", t.PublicRead),
	}
	some := a.OIDC.Issuer != "" || a.OIDC.Audience != "" || a.OIDC.JWKS != ""
	if some && (a.OIDC.Issuer == "" || a.OIDC.Audience == "" || a.OIDC.JWKS == "") {
		wrong("oidc-issuer", "and --oidc-audience and --oidc-jwks go together")
	}
	if strings.ContainsAny(a.OIDC.Issuer, " \t\r\n") || len(a.OIDC.Issuer) > 512 {
		wrong("oidc-issuer", "must have at most 512 characters and no space")
	}
	if a.OIDC.JWKS != "" && !secure(a.OIDC.JWKS) {
		wrong("oidc-jwks", "must be an https URL")
	}
	if a.OIDC.RoleClaim == "" {
		wrong("oidc-role-claim", "must name a claim, or be a JSON pointer to it")
	}
	for origin := range strings.SplitSeq(t.Origins, ",") {
		if origin = strings.TrimSpace(origin); origin == "" {
			continue
		}
		if u, err := url.Parse(origin); err != nil || u.Host == "" || u.Scheme+"://"+strings.ToLower(u.Host) != origin {
			wrong("origins", "must be like https://books.example, with commas between them, not %q", origin)
			continue
		}
		a.Origins = append(a.Origins, origin)
	}
	return a
}

// secure reports whether nobody on the way could change what an address gives.
func secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
}
