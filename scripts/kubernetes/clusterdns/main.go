// Clusterdns answers for the Services of a cluster. It stands in the place of CoreDNS, which Debian does not
// ship, in the Deployment that kubeadm makes for it: it takes CoreDNS's flags and ports. It answers address
// queries for service.namespace.svc.cluster.local, with the endpoints' addresses where a Service is headless,
// and refuses to look further, since the lab has no name server above it.
package main

import (
	"flag"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/miekg/dns"
	core "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const (
	zone     = "cluster.local."
	services = "svc." + zone
	seconds  = 5
)

// directory knows the cluster's Services, as far as the API server has told.
type directory struct {
	services  listers.ServiceLister
	endpoints listers.EndpointsLister
	synced    []cache.InformerSynced
}

func main() {
	flag.String("conf", "", "accepted for CoreDNS's sake")
	flag.Parse()
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(config), 10*time.Minute)
	known := directory{
		services:  factory.Core().V1().Services().Lister(),
		endpoints: factory.Core().V1().Endpoints().Lister(),
		synced: []cache.InformerSynced{
			factory.Core().V1().Services().Informer().HasSynced,
			factory.Core().V1().Endpoints().Informer().HasSynced,
		},
	}
	factory.Start(make(chan struct{}))

	healthy := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	dns.HandleFunc(".", known.answer)
	stopped := make(chan error)
	go func() { stopped <- http.ListenAndServe(":8080", healthy) }()
	go func() { stopped <- http.ListenAndServe(":8181", http.HandlerFunc(known.ready)) }()
	go func() { stopped <- dns.ListenAndServe(":53", "tcp", nil) }()
	go func() { stopped <- dns.ListenAndServe(":53", "udp", nil) }()
	log.Fatal(<-stopped)
}

func (d directory) ready(writer http.ResponseWriter, _ *http.Request) {
	for _, synced := range d.synced {
		if !synced() {
			writer.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	}
}

func (d directory) answer(writer dns.ResponseWriter, request *dns.Msg) {
	reply := new(dns.Msg).SetReply(request)
	reply.Authoritative = true
	if len(request.Question) == 1 {
		question := request.Question[0]
		name := strings.ToLower(dns.Fqdn(question.Name))
		addresses, exists := d.lookup(name)
		switch {
		case !dns.IsSubDomain(zone, name):
			reply.Authoritative, reply.Rcode = false, dns.RcodeServerFailure
		case !exists:
			reply.Rcode = dns.RcodeNameError
		case question.Qtype == dns.TypeA:
			header := dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: seconds}
			for _, address := range addresses {
				reply.Answer = append(reply.Answer, &dns.A{Hdr: header, A: net.ParseIP(address)})
			}
		}
	}
	if err := writer.WriteMsg(reply); err != nil {
		log.Print(err)
	}
}

// lookup returns the addresses of the Service that a name stands for, and whether there is one.
func (d directory) lookup(name string) (addresses []string, exists bool) {
	labels := strings.Split(strings.TrimSuffix(name, "."+services), ".")
	if !strings.HasSuffix(name, "."+services) || len(labels) != 2 {
		return nil, false
	}
	service, err := d.services.Services(labels[1]).Get(labels[0])
	if err != nil {
		return nil, false
	}
	if service.Spec.ClusterIP != core.ClusterIPNone {
		return []string{service.Spec.ClusterIP}, true
	}
	endpoints, err := d.endpoints.Endpoints(labels[1]).Get(labels[0])
	if err != nil {
		return nil, true
	}
	for _, subset := range endpoints.Subsets {
		for _, address := range subset.Addresses {
			addresses = append(addresses, address.IP)
		}
	}
	return addresses, true
}
