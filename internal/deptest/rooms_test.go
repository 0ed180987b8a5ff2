package deptest

import (
	"maps"
	"slices"
	"strings"
)

// rooms says which packages of the module the production code of each package
// may import; paths are below the module. It is the whole plan of the house: a
// package that is not here has no room yet, and an import that is not here
// points the wrong way.
func rooms() map[string][]string {
	fault := []string{"internal/fault"}
	nouns := with(fault,
		"internal/book", "internal/job", "internal/queue", "internal/blob", "internal/drop", "internal/key")
	middle := with(nouns, "internal/intake", "internal/cover", "internal/tabular", "internal/telemetry")
	suites := []string{
		"internal/book/booktest", "internal/job/jobtest", "internal/queue/queuetest",
		"internal/blob/blobtest", "internal/drop/droptest", "internal/key/keytest",
	}
	upper := with(middle, "internal/httpapi", "internal/work", "internal/arrive", "internal/config", "web")
	onAWS := with(upper, "internal/aws")
	onOneMachine := with(upper, "internal/sqlite", "internal/dir")

	plan := map[string][]string{
		// The vocabulary. A job may name a book, never the reverse.
		"internal/fault": nil,
		"internal/book":  fault,
		"internal/job":   with(fault, "internal/book"),
		"internal/queue": fault,
		"internal/blob":  fault,
		"internal/drop":  fault,
		"internal/key":   fault,

		// What is done with one noun, without a door or an engine in sight.
		"internal/intake":    with(nouns, "internal/tabular"), // whose plan says which chunks a file has
		"internal/cover":     nouns,
		"internal/tabular":   nouns,
		"internal/telemetry": fault,
		"internal/config":    with(fault, "internal/job"), // whose keys are configured

		// The two sides of a lane never import each other.
		"internal/httpapi": with(middle, "web"),
		"internal/work":    middle,
		"internal/arrive":  middle,

		// Adapters keep the promises of the nouns, and know no other adapter.
		"internal/sqlite": nouns,
		"internal/dir":    nouns,
		"internal/aws":    nouns,

		// The other end of the wire.
		"internal/client": nouns,
		"internal/cli":    with(nouns, "internal/client", "internal/config", "internal/cover"),
		"web":             nil,

		// Only doors name an adapter, so what runs on AWS holds no SQLite.
		"acervo":         with(onOneMachine, "internal/client", "internal/cli"),
		"api":            onAWS,
		"worker":         onAWS,
		"lambdas/covers": onAWS,
		"lambdas/drops":  onAWS,
		"bench":          with(onOneMachine, "internal/client", "internal/aws"),
		"bench/imaging":  nil, // a peer of internal/cover, which links nothing of ours
		"engines":        nil, // a tool that starts what others wrote
	}
	plan["internal/deptest"] = nil // this test, which reads the others and links none
	// A suite holds any adapter to its noun, so it knows none.
	for _, suite := range suites {
		plan[suite] = with(nouns, suites...)
	}
	plan["internal/e2etest"] = nil // programs and their clients, seen from outside
	// What others left, for the tests of who finds it.
	plan["internal/intake/intaketest"] = with(nouns, "internal/intake", "internal/tabular")
	// A running server, seen from outside; the nouns are for the dead.
	plan["internal/contracttest"] = with(nouns, "internal/e2etest")
	// The simulator drives accepting, what lands and applying over any adapter.
	plan["internal/simtest"] = with(nouns, "internal/intake", "internal/arrive", "internal/work")
	return plan
}

// importers says which packages may import each third party. Nobody means that
// only _test.go files may, anybody is for what extends the standard library.
// The benchmark builds its peers of the same parts, and writes letters on pictures.
func importers() map[string][]string {
	nobody, anybody := []string{}, slices.Collect(maps.Keys(rooms()))
	return map[string][]string{
		"github.com/Shopify/toxiproxy":       nobody,
		"github.com/anishathalye/porcupine":  {"internal/e2etest"},
		"github.com/aws/aws-lambda-go":       {"lambdas/covers", "lambdas/drops"},
		"github.com/aws/aws-sdk-go-v2":       {"internal/aws"},
		"github.com/aws/smithy-go":           {"internal/aws"},
		"github.com/bojanz/currency":         {"internal/book"},
		"github.com/getkin/kin-openapi":      nobody,
		"github.com/disintegration/imaging":  {"internal/cover", "bench/imaging"},
		"github.com/go-chi/chi":              {"internal/httpapi", "bench"},
		"github.com/go-jose/go-jose":         {"internal/httpapi"},
		"github.com/go-json-experiment/json": anybody,
		"github.com/gofrs/flock":             {"internal/sqlite"},
		"github.com/google/uuid":             anybody,
		"github.com/ncruces/go-sqlite3":      {"internal/sqlite", "bench"},
		"github.com/oklog/ulid":              {"internal/job"},
		"github.com/rs/zerolog":              nobody,
		"github.com/urfave/cli":              {"internal/cli"},
		"go.uber.org/goleak":                 nobody,
		"golang.org/x/image":                 {"internal/cover", "bench"},
		"golang.org/x/sync":                  anybody,
		"golang.org/x/text":                  anybody,
		"golang.org/x/time":                  {"internal/httpapi"},
		"pgregory.net/rapid":                 suitesOf(anybody),
	}
}

// testOnly reports whether a package of the standard library belongs to tests:
// it brings flags of the test binary into every program that links it.
func testOnly(path string) bool {
	return path == "testing" || strings.HasPrefix(path, "testing/") || path == "net/http/httptest"
}

// isSuite reports whether a package is test code although its files are not
// named _test.go: a contract suite beside its noun.
func isSuite(room string) bool { return strings.HasSuffix(room, "test") }

func suitesOf(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(room string) bool { return !isSuite(room) })
}

func with(some []string, more ...string) []string { return slices.Concat(some, more) }
