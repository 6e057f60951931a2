// Starts a run of the workflow `hello` from Go: go run . [BROKER [NAME]]; prints the run's id.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

type startRun struct {
	Type      string            `json:"type"`
	CommandID string            `json:"command_id"` // sent twice with the same id, it is carried out once
	Workflow  string            `json:"workflow"`
	Inputs    map[string]string `json:"inputs"`
}

func main() {
	broker, name := argument(1, "127.0.0.1:9092"), argument(2, "Ada")
	runID := "hello-" + randomHex(4)
	command, err := json.Marshal(startRun{"StartRun", runID, "hello", map[string]string{"name": name}})
	check(err)

	client, err := kgo.NewClient(
		kgo.SeedBrokers(broker),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DisableIdempotentWrite(),       // command_id does it, and the embedded broker has no producer ids,
		kgo.MaxVersions(kversion.V4_0_0()), // nor newer requests than these
	)
	check(err)
	defer client.Close()
	topic := os.Getenv("MILLRACE_TOPIC_PREFIX") + "workflow.commands"
	record := &kgo.Record{Topic: topic, Key: []byte(runID), Value: command}
	check(client.ProduceSync(context.Background(), record).FirstErr())
	fmt.Println(runID)
}

func argument(position int, otherwise string) string {
	if len(os.Args) > position {
		return os.Args[position]
	}
	return otherwise
}

func randomHex(bytes int) string {
	drawn := make([]byte, bytes)
	_, err := rand.Read(drawn)
	check(err)
	return hex.EncodeToString(drawn)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
