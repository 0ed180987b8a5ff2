package work

import (
	"fmt"
	"os"
	"time"
)

// MaxRun bounds one attempt at a write.
const MaxRun = 30 * time.Second

// Name tells the workers of this process from each other and from others of the
// lane.
func Name(number int) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%s-%d-%d", host, os.Getpid(), number)
}
