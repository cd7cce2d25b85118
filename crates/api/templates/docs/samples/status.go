package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	target := os.Getenv("OTP_URL") + "/v1/otp/" + os.Getenv("SESSION_ID") + "?wait_seconds=25"
	client := &http.Client{Timeout: 35 * time.Second}
	done := map[string]bool{"delivered": true, "read": true, "failed": true}

	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		request, err := http.NewRequest("GET", target, nil)
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+os.Getenv("OTP_KEY"))
		response, err := client.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		var session struct {
			Status   string
			Delivery struct{ Status string }
		}
		err = json.NewDecoder(response.Body).Decode(&session)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			log.Fatal(response.Status, err)
		}
		fmt.Println(session.Status, session.Delivery.Status)
		if session.Status != "pending" || done[session.Delivery.Status] {
			return
		}
	}
}
