package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

// verify says what the login page does next: "in", "again" or "restart".
func verify(sessionID, code string) (string, error) {
	payload, err := json.Marshal(map[string]string{"session_id": sessionID, "code": code})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequest("POST", os.Getenv("OTP_URL")+"/v1/otp/verify",
		bytes.NewReader(payload))
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("OTP_KEY"))
	request.Header.Set("Content-Type", "application/json")

	client := &http.Client{Timeout: 15 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return "in", nil
	}
	var problem struct {
		Code string `json:"code"`
	}
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		return "", err
	}
	if problem.Code == "code_mismatch" || problem.Code == "invalid_request" {
		return "again", nil
	}
	return "restart", nil
}

func main() {
	next, err := verify(os.Getenv("SESSION_ID"), os.Getenv("CODE"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(next)
}
