// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class LibraryTest {

  @Test
  void errnosHaveNames() {
    assertThat(Errno.name(1)).isEqualTo("EPERM");
    assertThat(Errno.name(Errno.ERANGE)).isEqualTo("ERANGE");
    assertThat(Errno.name(40)).isEqualTo("ELOOP");
    assertThat(Errno.name(42)).isEqualTo("ENOMSG");
    assertThat(Errno.name(Errno.EOPNOTSUPP)).isEqualTo("EOPNOTSUPP");
    assertThat(Errno.name(Errno.ENOBUFS)).isEqualTo("ENOBUFS");
    assertThat(Errno.name(Errno.EHOSTUNREACH)).isEqualTo("EHOSTUNREACH");
    assertThat(Errno.name(133)).isEqualTo("EHWPOISON");
    assertThat(Errno.name(Errno.ENOTSUPP)).isEqualTo("ENOTSUPP");
    assertThat(Errno.name(999)).isEqualTo("errno 999");
    assertThat(Errno.describe(Errno.EBUSY)).isEqualTo("EBUSY (Device or resource busy)");
  }

  @Test
  void anAbsentLibraryNamesThePackageToInstall() {
    assertThatThrownBy(() -> NativeLibraries.bind(LibraryTest.class, "libbpf.so.999", "libbpf999"))
        .isInstanceOf(UnsatisfiedLinkError.class)
        .hasMessageStartingWith(
            "cannot load libbpf.so.999: install the package that has it"
                + " (Debian and Ubuntu: apt-get install libbpf999)");
  }

  @Test
  void theLibrarysVersionIsKnown() {
    assertThat(Libbpf.version()).startsWith("v1.");
    assertThat(Libbpf.possibleCpus())
        .isGreaterThanOrEqualTo(Runtime.getRuntime().availableProcessors());
  }

  @Test
  void interfacesHaveNamesAndIndices() {
    int loopback = Interfaces.index("lo");
    assertThat(Interfaces.name(loopback)).contains("lo");
    assertThat(Interfaces.name(1_000_000)).isEmpty();
    assertThatThrownBy(() -> Interfaces.index("absent0"))
        .isInstanceOf(KernelException.class)
        .hasMessageStartingWith("cannot find interface absent0: ENODEV");
  }

  @Test
  @RequiresBpf
  void aBpfFileSystemIsToldFromOthersAndMountedOnDemand() throws Exception {
    Path folder = Files.createTempDirectory("xdplb-test-bpffs");
    try {
      assertThat(BpfFs.contains(folder)).isFalse();
      BpfFs.ensureMounted(folder);
      try {
        assertThat(BpfFs.contains(folder)).isTrue();
        assertThat(BpfFs.contains(folder.resolve("not/yet/there"))).isTrue();
        BpfFs.ensureMounted(folder);
      } finally {
        Shell.run("umount " + folder);
      }
      assertThat(BpfFs.contains(folder)).as("mounted once only").isFalse();
    } finally {
      Files.delete(folder);
    }
  }
}
