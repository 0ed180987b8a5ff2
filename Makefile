# Go and make are all that is needed; the race detector also wants a C compiler,
# and test-aws a Java development kit (17), Maven and Python (3.11).
# What ships is pure Go, so everything else is built without one.
export CGO_ENABLED := 0

# golangci-lint comes from a module of its own: what it needs is not what Acervo needs.
LINT := go tool -modfile=tools/go.mod golangci-lint

# Which fuzz targets run, and how long each.
FUZZ ?= .
FUZZTIME ?= 60s

.PHONY: help run test test-aws race lint bench fuzz soak mutants fmt lambdas

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## serve on this machine (ARGS='--addr 127.0.0.1:9000' for flags)
	go run ./acervo serve $(ARGS)

test: ## run every test
	go test ./...

test-aws: ## run what needs the engines that stand in for AWS; installs and starts them
	go run ./engines go test -count=1 -timeout 20m -skip 'InMemory|OnAFile' \
		./engines ./internal/aws ./internal/simtest ./api ./worker ./lambdas/...

lambdas: ## build the functions as Lambda takes them (provided.al2023, arm64), a zip each, into build/
	mkdir -p build
	for f in lambdas/*/; do name=$$(basename $$f); \
		GOOS=linux GOARCH=arm64 go build -trimpath -ldflags='-s -w' -tags lambda.norpc -o build/$$name/bootstrap ./$$f && \
		(cd build/$$name && zip -q -X ../$$name.zip bootstrap) || exit 1; done

race: ## look for data races: each test twice, in random order, the long ones shortened
	@set -- $$(go env CC); command -v "$$1" >/dev/null || \
		{ echo "make race: no C compiler ($$1); Go's race detector cannot be linked without one" >&2; exit 1; }
	CGO_ENABLED=1 go test -race -short -shuffle=on -count=2 ./...

lint: ## vet, lint, and check the format and the go.mod files
	go vet ./...
	$(LINT) fmt --diff
	$(LINT) run
	go mod tidy -diff
	go -C tools mod tidy -diff

bench: ## measure (ARGS=covers for covers, ARGS=imports for imports)
	go run ./bench $(ARGS)

# Go 1.26 may call the end of the time a failure, which names no input (golang/go#75804,
# mended in Go 1.27).
fuzz: ## each fuzz target below FUZZ (.) for FUZZTIME (60s)
	@grep -rEo --include='*_test.go' '^func Fuzz\w+' $(FUZZ) | sed 's|/[^/]*:func | |' | sort | \
	while read -r dir target; do \
		echo "$$dir $$target"; \
		out=$$(go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$dir" 2>&1); \
		failed=$$?; \
		echo "$$out"; \
		case "$$failed $$out" in \
		0*) ;; \
		*"Failing input"*) exit 1 ;; \
		*"context deadline exceeded"*) ;; \
		*) exit 1 ;; \
		esac; \
	done

soak: ## the long proofs, then each fuzz target for FUZZTIME, those of covers for ten minutes
	ACERVO_SOAK=1 go test -count=1 -timeout 8h -run 'Crash|PowerLoss|Histories|DiskThatFails' ./...
	$(MAKE) fuzz
	$(MAKE) fuzz FUZZ=./internal/cover FUZZTIME=10m

mutants: ## break the protocol on purpose and see that the simulator notices; writes its table
	ACERVO_MUTANTS=1 go test -count=1 -timeout 4h -run Mutants ./internal/simtest

fmt: ## format the code
	$(LINT) fmt
