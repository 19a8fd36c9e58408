// Crictl speaks to a container runtime over the CRI socket: the calls that kubeadm makes, and the few that
// people want on a node. It stands in for cri-tools, which Debian does not ship, and knows the version of the
// interface that Kubernetes 1.20 vendors.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1alpha2"
)

const (
	defaultSocket = "unix:///run/containerd/containerd.sock"
	configFile    = "/etc/crictl.yaml"
)

// client is one connection to the runtime, with what the command line said.
type client struct {
	context context.Context
	runtime cri.RuntimeServiceClient
	images  cri.ImageServiceClient
	quiet   bool
	all     bool
}

type command struct {
	usage string
	run   func(c *client, arguments []string) error
}

var commands = map[string]command{
	"version":  {"version", version},
	"info":     {"info", info},
	"pods":     {"pods [-q]", pods},
	"ps":       {"ps [-a] [-q]", containers},
	"stopp":    {"stopp POD...", each(stopPod)},
	"rmp":      {"rmp POD...", each(removePod)},
	"stop":     {"stop CONTAINER...", each(stopContainer)},
	"rm":       {"rm CONTAINER...", each(removeContainer)},
	"logs":     {"logs CONTAINER", each(logs)},
	"images":   {"images [-q]", images},
	"inspecti": {"inspecti IMAGE...", each(inspectImage)},
	"pull":     {"pull IMAGE...", each(pull)},
	"rmi":      {"rmi IMAGE...", each(removeImage)},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crictl:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	c := &client{}
	socket, words := configuredSocket(), []string{}
	for len(arguments) > 0 {
		word := arguments[0]
		arguments = arguments[1:]
		name, value, given := cut(word, "=")
		switch name {
		case "-r", "-i", "--runtime-endpoint", "--image-endpoint":
			if !given {
				if len(arguments) == 0 {
					return fmt.Errorf("%s needs a value", name)
				}
				value, arguments = arguments[0], arguments[1:]
			}
			socket = value
		case "-q", "--quiet":
			c.quiet = true
		case "-a", "--all":
			c.all = true
		default:
			if strings.HasPrefix(word, "-") {
				return fmt.Errorf("unknown flag %s", word)
			}
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return usage("a command is missing")
	}
	chosen, known := commands[words[0]]
	if !known {
		return usage(fmt.Sprintf("unknown command %q", words[0]))
	}
	if !strings.Contains(socket, "://") {
		socket = "unix://" + socket
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dialing, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	connection, err := grpc.DialContext(dialing, socket, grpc.WithInsecure(), grpc.WithBlock())
	if err != nil {
		return fmt.Errorf("no container runtime answers at %s: %v", socket, err)
	}
	defer connection.Close()
	c.context = ctx
	c.runtime = cri.NewRuntimeServiceClient(connection)
	c.images = cri.NewImageServiceClient(connection)
	return chosen.run(c, words[1:])
}

func usage(problem string) error {
	lines := []string{}
	for _, one := range commands {
		lines = append(lines, "  crictl [-r SOCKET] "+one.usage)
	}
	sort.Strings(lines)
	return fmt.Errorf("%s; usage:\n%s", problem, strings.Join(lines, "\n"))
}

// configuredSocket reads the one key of crictl's configuration that matters here.
func configuredSocket() string {
	text, err := os.ReadFile(configFile)
	if err != nil {
		return defaultSocket
	}
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, given := cut(line, ": "); given && strings.TrimSpace(name) == "runtime-endpoint" {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return defaultSocket
}

func cut(text, separator string) (before, after string, found bool) {
	if at := strings.Index(text, separator); at >= 0 {
		return text[:at], text[at+len(separator):], true
	}
	return text, "", false
}

// each makes a command of work on one name.
func each(work func(c *client, name string) error) func(*client, []string) error {
	return func(c *client, names []string) error {
		if len(names) == 0 {
			return fmt.Errorf("a name is missing")
		}
		for _, name := range names {
			if err := work(c, name); err != nil {
				return err
			}
		}
		return nil
	}
}

func version(c *client, _ []string) error {
	answer, err := c.runtime.Version(c.context, &cri.VersionRequest{})
	if err == nil {
		fmt.Printf("RuntimeName:  %s\nRuntimeVersion:  %s\n", answer.RuntimeName, answer.RuntimeVersion)
	}
	return err
}

func info(c *client, _ []string) error {
	answer, err := c.runtime.Status(c.context, &cri.StatusRequest{Verbose: true})
	if err != nil {
		return err
	}
	for _, condition := range answer.Status.Conditions {
		fmt.Printf("%s: %t %s\n", condition.Type, condition.Status, condition.Message)
	}
	for name, value := range answer.Info {
		fmt.Printf("%s: %s\n", name, value)
	}
	return nil
}

func pods(c *client, _ []string) error {
	answer, err := c.runtime.ListPodSandbox(c.context, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, pod := range answer.Items {
		c.print(pod.Id, pod.State, pod.Metadata.Namespace+"/"+pod.Metadata.Name)
	}
	return nil
}

func containers(c *client, _ []string) error {
	request := &cri.ListContainersRequest{}
	if !c.all {
		running := cri.ContainerState_CONTAINER_RUNNING
		request.Filter = &cri.ContainerFilter{State: &cri.ContainerStateValue{State: running}}
	}
	answer, err := c.runtime.ListContainers(c.context, request)
	if err != nil {
		return err
	}
	for _, container := range answer.Containers {
		c.print(container.Id, container.State, container.Metadata.Name)
	}
	return nil
}

func images(c *client, _ []string) error {
	answer, err := c.images.ListImages(c.context, &cri.ListImagesRequest{})
	if err != nil {
		return err
	}
	for _, image := range answer.Images {
		c.print(image.Id, image.Size_, strings.Join(append(image.RepoTags, image.RepoDigests...), " "))
	}
	return nil
}

func (c *client) print(id string, more ...interface{}) {
	if c.quiet {
		more = nil
	}
	fmt.Println(append([]interface{}{id}, more...)...)
}

func stopPod(c *client, id string) error {
	_, err := c.runtime.StopPodSandbox(c.context, &cri.StopPodSandboxRequest{PodSandboxId: id})
	return err
}

func removePod(c *client, id string) error {
	_, err := c.runtime.RemovePodSandbox(c.context, &cri.RemovePodSandboxRequest{PodSandboxId: id})
	return err
}

func stopContainer(c *client, id string) error {
	_, err := c.runtime.StopContainer(c.context, &cri.StopContainerRequest{ContainerId: id})
	return err
}

func removeContainer(c *client, id string) error {
	_, err := c.runtime.RemoveContainer(c.context, &cri.RemoveContainerRequest{ContainerId: id})
	return err
}

func logs(c *client, id string) error {
	answer, err := c.runtime.ContainerStatus(c.context, &cri.ContainerStatusRequest{ContainerId: id})
	if err != nil {
		return err
	}
	file, err := os.Open(answer.Status.LogPath)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(os.Stdout, file)
	return err
}

func inspectImage(c *client, name string) error {
	spec := &cri.ImageSpec{Image: name}
	answer, err := c.images.ImageStatus(c.context, &cri.ImageStatusRequest{Image: spec})
	if err != nil {
		return err
	}
	if answer.Image == nil {
		return fmt.Errorf("no such image %q present", name)
	}
	fmt.Println(answer.Image)
	return nil
}

func pull(c *client, name string) error {
	answer, err := c.images.PullImage(c.context, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}})
	if err == nil {
		fmt.Println("Image is up to date for", answer.ImageRef)
	}
	return err
}

func removeImage(c *client, name string) error {
	_, err := c.images.RemoveImage(c.context, &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: name}})
	return err
}
