// Other people's Go clients against the embedded broker: sarama, kafka-go and franz-go, each doing the same.
//
//	clients sarama|kafka-go|franz-go HOST:PORT
//
// Makes a topic of three partitions, produces with each codec, consumes in a group, commits, and reads the group's offsets back; where the
// client has transactions, commits one and aborts one and reads only what was committed. Prints one JSON object.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sort"
	"time"
)

const perCodec = 100

// What each client found.
type result struct {
	Read      map[string]int `json:"read"`
	Committed int64          `json:"committed"`
	Groups    []string       `json:"groups"`
	Values    []string       `json:"values"`
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: clients sarama|kafka-go|franz-go HOST:PORT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	defer cancel()
	runs := map[string]func(context.Context, string) (result, error){"sarama": runSarama, "kafka-go": runKafkaGo, "franz-go": runFranz}
	run, known := runs[os.Args[1]]
	if !known {
		log.Fatalf("no client %q", os.Args[1])
	}
	found, err := run(ctx, os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	sort.Strings(found.Groups)
	sort.Strings(found.Values)
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}

func valueOf(codec string, index int) string { return fmt.Sprintf("%s-%d", codec, index) }
