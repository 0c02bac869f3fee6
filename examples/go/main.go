// A chat client for gim: go run . ws://127.0.0.1:8080 ann bob
//
// It logs in as ann, prints the last messages of ann and bob, then what bob writes, and sends its input to
// bob line by line. After a break it comes back, gets what it missed, and repeats the send without a reply.
// If the server has a key, put the login token into the variable GIM_TOKEN.
package main

//go:generate protoc -I ../../gim/wire --go_out=. --go_opt=module=gim gim.proto

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	pb "gim/gimpb"
	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"
)

const (
	login, send, history, push = 101, 201, 203, 207 // the reply to op N has op N+1
	private                    = 2                  // the type of a session of two people
)

type client struct {
	user, peer   string
	since, epoch string    // the newest message that was printed, and the data set that it is from
	stored       chan bool // tells that a send got its reply
	sync.Mutex             // of the connection, and of the message that has no reply yet
	conn         *websocket.Conn
	unsent       *pb.SendRequest
}

func decode[M proto.Message](data []byte, message M) M {
	if err := proto.Unmarshal(data, message); err != nil {
		log.Fatal("this is not a server of gim: ", err)
	}
	return message
}

// answer decodes the data of a reply. It ends the program when anything but a send is refused.
func answer[M proto.Message](packet *pb.Packet, data M) M {
	reply := decode(packet.Body, &pb.Reply{})
	if reply.Code != 0 && packet.Op != send+1 {
		log.Fatal("refused: ", reply.Msg)
	} else if reply.Code != 0 {
		log.Print("not sent: ", reply.Msg)
	}
	return decode(reply.Data, data)
}

// ask sends a request. When that fails, the connection is broken, and reading from it says so.
func (c *client) ask(op uint32, request proto.Message) {
	body, _ := proto.Marshal(request)
	packet, _ := proto.Marshal(&pb.Packet{Op: op, Body: body})
	if c.conn != nil {
		c.conn.Write(context.Background(), websocket.MessageBinary, packet)
	}
}

// send sends a line, and waits until it is stored.
func (c *client) send(line string) {
	c.Lock()
	id := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) // makes it safe to send it again
	c.unsent = &pb.SendRequest{Type: private, TargetId: c.peer, Content: line, RequestId: &id}
	c.ask(send, c.unsent)
	c.Unlock()
	<-c.stored
}

// serve serves one connection until it breaks.
func (c *client) serve(url string) error {
	options := &websocket.DialOptions{Subprotocols: []string{"gim.proto"}}
	conn, _, err := websocket.Dial(context.Background(), url, options)
	if err != nil {
		log.Print(err)
		return err
	}
	conn.SetReadLimit(-1) // the server's messages have no limit
	c.Lock()
	c.conn = conn
	// the first login asks for no messages, as the history has them, and names no data set that there is
	since, epoch := cmp.Or(c.since, strings.Repeat("f", 32)), cmp.Or(c.epoch, strings.Repeat("0", 16))
	token := os.Getenv("GIM_TOKEN")
	c.ask(login, &pb.LoginRequest{Id: c.user, Token: &token, Since: &since, Epoch: &epoch})
	if c.unsent != nil {
		c.ask(send, c.unsent)
	}
	c.Unlock()
	for {
		_, data, err := conn.Read(context.Background())
		if err != nil {
			return err
		}
		c.take(decode(data, &pb.Packet{}))
	}
}

func (c *client) take(packet *pb.Packet) {
	switch packet.Op {
	case push:
		if pushed := decode(packet.Body, &pb.Push{}); pushed.Session.Type == private {
			c.show(pushed.Items, c.peer)
		}
	case login + 1:
		me := answer(packet, &pb.LoginData{})
		if c.epoch = me.Epoch; !me.Recovered {
			c.ask(history, &pb.HistoryRequest{SessionId: "2:" + c.user + ":" + c.peer})
		}
	case history + 1:
		c.show(answer(packet, &pb.HistoryData{}).Items, "")
	case send + 1:
		answer(packet, &pb.SendData{})
		c.unsent = nil
		c.stored <- true
	}
}

// show prints new messages, or those of one sender.
func (c *client) show(messages []*pb.Message, sender string) {
	for _, message := range messages {
		if message.Id > c.since && (sender == "" || sender == message.Sender.Id) {
			c.since = message.Id
			fmt.Printf("%s: %s\n", message.Sender.Name, message.Content)
		}
	}
}

func main() {
	c := &client{user: os.Args[2], peer: os.Args[3], stored: make(chan bool)}
	go func() {
		for {
			if err := c.serve(os.Args[1]); websocket.CloseStatus(err) >= 3500 {
				log.Fatal(err) // coming back would not help
			}
			time.Sleep(time.Second + rand.N(4*time.Second)) // a random part, so that not all come back at once
		}
	}()
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		c.send(input.Text())
	}
}
