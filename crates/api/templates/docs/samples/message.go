package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	payload := `{
		"phone_number": "+12025550100",
		"template_id": "order_update",
		"variables": {"first_name": "Ada", "order_id": "1042"}
	}`
	request, err := http.NewRequest("POST", os.Getenv("OTP_URL")+"/v1/messages/send",
		strings.NewReader(payload))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("OTP_KEY"))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "order-1042-shipped")

	client := &http.Client{Timeout: 15 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()

	var body struct {
		MessageID string `json:"message_id"`
		Code      string `json:"code"`
		Detail    string `json:"detail"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusAccepted {
		log.Fatalf("%s: %s", body.Code, body.Detail)
	}
	fmt.Println(body.MessageID)
}
