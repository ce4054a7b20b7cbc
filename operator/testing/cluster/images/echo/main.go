// SPDX-License-Identifier: Apache-2.0

// Command echo is what the tests' pods run. It says who answers and whom it sees:
//
//	port 8080, HTTP: Hostname, Server, Client and Version, a line each
//	port 7000, TCP and UDP: "<host name> <client address>:<port> <what was sent>" for each line or datagram
//
// Its log has a line for each client address that it sees for the first time.
//
// Asked to end it does what a server behind a load balancer should: it goes on answering, closes each HTTP
// connection in order with its next answer, and ends when none is left.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// What balances needs a moment to learn that no new connection should come here.
	leastDrain = 3 * time.Second
	mostDrain  = 25 * time.Second
)

var (
	name     = hostname()
	draining atomic.Bool
	open     atomic.Int64
	clients  sync.Map
)

func main() {
	log.SetFlags(0)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	tcp := must(net.Listen("tcp", ":7000"))
	udp := must(net.ListenPacket("udp", ":7000"))
	web := must(net.Listen("tcp", ":8080"))
	go serveTCP(tcp)
	go serveUDP(udp)
	go serveHTTP(web)
	<-end
	draining.Store(true)
	for start := time.Now(); time.Since(start) < leastDrain || open.Load() > 0 && time.Since(start) < mostDrain; {
		time.Sleep(50 * time.Millisecond)
	}
}

func serveHTTP(listener net.Listener) {
	server := &http.Server{
		Handler: http.HandlerFunc(answer),
		ConnContext: func(ctx context.Context, connection net.Conn) context.Context {
			seen(connection.RemoteAddr())
			return ctx
		},
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			}
		},
	}
	log.Fatal(server.Serve(listener))
}

func answer(w http.ResponseWriter, r *http.Request) {
	if draining.Load() {
		w.Header().Set("Connection", "close")
	}
	server := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	fmt.Fprintf(w, "Hostname: %s\nServer: %s\nClient: %s\nVersion: %s\n",
		name, host(server.String()), host(r.RemoteAddr), os.Getenv("VERSION"))
}

func serveTCP(listener net.Listener) {
	for {
		connection := must(listener.Accept())
		seen(connection.RemoteAddr())
		open.Add(1)
		go func() {
			defer open.Add(-1)
			defer connection.Close()
			lines := bufio.NewScanner(connection)
			for lines.Scan() {
				if _, err := fmt.Fprintf(connection, "%s %s %s\n", name, connection.RemoteAddr(), lines.Text()); err != nil {
					return
				}
			}
		}()
	}
}

func serveUDP(socket net.PacketConn) {
	buffer := make([]byte, 65536)
	for {
		length, client, err := socket.ReadFrom(buffer)
		if err != nil {
			log.Fatal(err)
		}
		seen(client)
		socket.WriteTo(fmt.Appendf(nil, "%s %s %s", name, client, buffer[:length]), client)
	}
}

func seen(client net.Addr) {
	address := host(client.String())
	if _, known := clients.LoadOrStore(address, true); !known {
		log.Printf("first packet from client %s", address)
	}
}

func host(address string) string {
	return must2(net.SplitHostPort(address))
}

func hostname() string {
	return must(os.Hostname())
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func must2(host, _ string, err error) string {
	return must(host, err)
}
