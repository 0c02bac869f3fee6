// Uses the client that openapi-generator makes for Go: URL USER PEER.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	gim "github.com/GIT_USER_ID/GIT_REPO_ID"
)

func must[T any](value T, _ any, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// refusal returns the code and the sentence of an error.
func refusal(err error) []any {
	var failed *gim.GenericOpenAPIError
	errors.As(err, &failed)
	found := failed.Model().(gim.Refusal)
	return []any{found.Code, found.Msg}
}

func main() {
	url, user, peer := os.Args[1], os.Args[2], os.Args[3]
	configuration := gim.NewConfiguration()
	configuration.Servers[0].URL = url
	client, ctx := gim.NewAPIClient(configuration), context.Background()

	login := func(id string) context.Context {
		answer := must(client.UsersAPI.Login(ctx).LoginRequest(*gim.NewLoginRequest(id)).Execute())
		return context.WithValue(ctx, gim.ContextAccessToken, answer.Data.Token)
	}
	asUser, asPeer := login(user), login(peer)
	must(client.ChatroomsAPI.Join(asPeer, peer).Execute())
	sent := must(client.MessagesAPI.Send(asUser).SendRequest(*gim.NewSendRequest(2, peer, "hi")).Execute()).Data
	read := must(client.SessionsAPI.History(asUser, sent.SessionId).Execute())
	_, _, unknown := client.UsersAPI.User(asUser, "stranger").Execute()
	_, _, stranger := client.SessionsAPI.History(asUser, "1:"+peer).Execute()

	history := [][]any{}
	for _, each := range read.Data.Items {
		history = append(history, []any{each.Id, each.Sender.Id, each.Content, each.CreatedAt})
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"code":     read.Code,
		"sent":     []any{sent.Id, user, "hi", sent.CreatedAt},
		"history":  history,
		"refusals": [][]any{refusal(unknown), refusal(stranger)},
	})
}
