// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import io.xdplb.testing.Checkout;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The container image, and processes in it that have what a container runtime would give them: its
 * files as a read-only root, an account's token, the capabilities of the manifest. There is no
 * container engine, hence no seccomp filter, no control group and no process namespace.
 *
 * @param archive for {@code docker load}
 * @param root its files
 */
record Image(Path archive, Path root) {

  /** Of capabilities(7), in the kernel's order. */
  private static final int CAPABILITIES = 41;

  private static final Map<String, Integer> NUMBERS =
      Map.of("NET_ADMIN", 12, "NET_RAW", 13, "PERFMON", 38, "BPF", 39);

  /**
   * $1 the image's files, $2 the account's token, certificate and namespace, $3 the user, $4 the
   * capabilities that are taken away, then name=value for each variable, {@code --} and arguments.
   */
  private static final String CONTAINER =
      """
      root=$1 account=$2 user=$3 drop=$4; shift 4
      variables=()
      while [ "$1" != -- ]; do variables+=("$1"); shift; done
      shift
      mount --bind "$root" "$root"
      mount --rbind /proc "$root/proc"
      mount --rbind /sys "$root/sys"
      mount --rbind /dev "$root/dev"
      mount -t tmpfs tmpfs "$root/tmp"
      mount -t tmpfs tmpfs "$root/var"
      mkdir -p "$root/var/run/secrets/kubernetes.io/serviceaccount"
      cp "$account"/* "$root/var/run/secrets/kubernetes.io/serviceaccount"
      chmod -R a+rX "$root/var/run"
      chmod 1777 "$root/tmp"
      mount -o remount,bind,ro "$root"
      exec env -i "${variables[@]}" "$(command -v capsh || echo /usr/sbin/capsh)" --chroot="$root" \
        --drop="$drop" --no-new-privs --gid="$user" --uid="$user" \
        --shell=/bin/sh -- -c 'exec /usr/bin/xdplb "$@"' xdplb "$@"
      """;

  /**
   * Builds it from what {@code mvn package} has made; takes seconds, and two minutes the first
   * time.
   */
  static Image build() {
    Path script = Checkout.path("operator/image/build.sh");
    String archive = lastLine(run(List.of("bash", script.toString())));
    String arch = run(List.of("dpkg", "--print-architecture")).strip();
    return new Image(Path.of(archive), script.resolveSibling("target/root-" + arch));
  }

  /**
   * Starts the entry point in a machine.
   *
   * @param netns where; {@code null} for that of this JVM
   * @param account a folder with {@code token}, {@code ca.crt} and {@code namespace}
   * @param user the user's and the group's number
   * @param capabilities those it keeps; they take effect for user 0
   */
  RunningProcess start(
      Netns netns,
      Path account,
      int user,
      List<String> capabilities,
      Map<String, String> environment,
      List<String> arguments) {
    List<String> command =
        new ArrayList<>(List.of("unshare", "--mount", "bash", "-euc", CONTAINER, "container"));
    command.add(root.toString());
    command.add(account.toString());
    command.add(String.valueOf(user));
    List<Integer> kept = capabilities.stream().map(NUMBERS::get).toList();
    command.add(
        IntStream.range(0, CAPABILITIES)
            .filter(number -> !kept.contains(number))
            .mapToObj(String::valueOf)
            .collect(Collectors.joining(",")));
    Stream.concat(
            Stream.of(
                "PATH=/usr/bin:/usr/sbin:/usr/lib/java/bin",
                "JAVA_HOME=/usr/lib/java",
                "XDPLB_HOME=/usr/lib/xdplb"),
            environment.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()))
        .forEach(command::add);
    command.add("--");
    command.addAll(arguments);
    return netns == null
        ? RunningProcess.start(command)
        : netns.start(command.toArray(String[]::new));
  }

  /** Runs a command that may take long, and must succeed. */
  private static String run(List<String> command) {
    try {
      Path errors = Files.createTempFile("xdplb-image", ".log");
      try {
        Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
        String output = new String(process.getInputStream().readAllBytes());
        if (!process.waitFor(10, TimeUnit.MINUTES) || process.exitValue() != 0) {
          throw new IllegalStateException(command + " failed:\n" + Files.readString(errors));
        }
        return output;
      } finally {
        Files.delete(errors);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String lastLine(String text) {
    String[] lines = text.strip().split("\n");
    return lines[lines.length - 1];
  }
}
