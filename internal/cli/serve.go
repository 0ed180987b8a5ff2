package cli

import (
	"context"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/config"
)

// serve is the command that serves.
func (p program) serve() *ucli.Command {
	return p.configured("serve", "serve the catalogue, its worker included, from one directory",
		func(ctx context.Context, t *config.ServeText) error {
			c, err := t.Parse()
			if err != nil {
				return usageError{err}
			}
			return p.doors.Serve(ctx, c)
		})
}

// configured is a command with the options of a server.
func (p program) configured(name, usage string, run func(ctx context.Context, t *config.ServeText) error) *ucli.Command {
	t := &config.ServeText{BehindProxy: "false", AccessText: config.AccessText{PublicRead: "true"}}
	text, toggled := p.text, p.toggled
	flags := []ucli.Flag{
		text("addr", "127.0.0.1:8080", "listen on `HOST:PORT`", &t.Addr),
		text("data", "./data", "keep everything in `DIR`", &t.Data),
		text("key", "", "use `KEY` as the operator key instead of the generated one", &t.Key),
		text("tls-cert", "", "serve TLS with the certificate in `FILE` (PEM)", &t.TLSCert),
		text("tls-key", "", "the private key of the certificate, in `FILE` (PEM)", &t.TLSKey),
		toggled("behind-proxy", "a proxy in front speaks TLS, so plain HTTP off loopback is meant", &t.BehindProxy),
		text("slots", "64", "apply up to `N` writes at once", &t.Slots),
		text("import-slots", "2", "apply up to `N` chunks of imported files at once, beside the writes", &t.ImportSlots),
		text("grace", "20s", "finish what has begun within `TIME` after SIGTERM", &t.Grace),
		text("max-age", "24h", "refuse writes while the oldest one has waited longer than `TIME`", &t.MaxAge),
		text("rate-key", "0", "take `N` writes a second of one key, ten times that at once; 0 for no limit", &t.RateKey),
		text("rate-book", "100", "take `N` writes a second of one book, ten times that at once; 0 for no limit", &t.RateBook),
		text("oidc-issuer", "", "take the tokens (JWT) of the issuer `NAME`", &t.OIDCIssuer),
		text("oidc-audience", "", "take tokens for the audience `NAME` only", &t.OIDCAudience),
		text("oidc-jwks", "", "the issuer tells its keys at `URL`", &t.OIDCJWKS),
		text("oidc-role-claim", "role", "the role is in the claim `NAME`, or where a JSON pointer shows", &t.OIDCRoleClaim),
		toggled("public-read", "books are read without a key", &t.PublicRead),
		text("origins", "", "let pages of `ORIGINS`, with commas between them, use the API; none but its own", &t.Origins),
	}
	return leaf(name, usage, "", flags, func(ctx context.Context, _ *ucli.Command) error { return run(ctx, t) })
}
