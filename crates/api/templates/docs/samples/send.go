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
	payload := `{"to": "+12025550100", "channel": "whatsapp", "purpose": "login"}`
	request, err := http.NewRequest("POST", os.Getenv("OTP_URL")+"/v1/otp/send",
		strings.NewReader(payload))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("OTP_KEY"))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "login-4711-1")

	client := &http.Client{Timeout: 15 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()

	var body struct {
		SessionID string `json:"session_id"`
		Code      string `json:"code"`
		Detail    string `json:"detail"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		log.Fatalf("%s: %s", body.Code, body.Detail)
	}
	fmt.Println(body.SessionID) // keep it with the login attempt, on the server
}
