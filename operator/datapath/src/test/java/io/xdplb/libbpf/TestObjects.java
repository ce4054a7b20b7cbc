// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/** The compiled programs of src/test/bpf, and bytes for their maps. */
public final class TestObjects {
  private TestObjects() {}

  public static BpfObjectSpec open(String name) {
    try (InputStream elf = TestObjects.class.getResourceAsStream(name + ".bpf.o")) {
      return BpfObject.open(name, elf.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static BpfObject load(String name) {
    try (BpfObjectSpec spec = open(name)) {
      return spec.load();
    }
  }

  static byte[] u32(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.nativeOrder()).putInt(value).array();
  }

  static byte[] u64(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(value).array();
  }

  static long number(byte[] value) {
    ByteBuffer buffer = ByteBuffer.wrap(value).order(ByteOrder.nativeOrder());
    return value.length == 4 ? buffer.getInt() : buffer.getLong();
  }

  static byte[] packet(int length) {
    byte[] packet = new byte[length];
    for (int i = 0; i < length; i++) {
      packet[i] = (byte) i;
    }
    return packet;
  }

  /** A folder for pins that is emptied and removed at the end. */
  public static final class Pins implements AutoCloseable {
    private final Path folder = Path.of("/sys/fs/bpf/xdplb-test-" + UUID.randomUUID());

    public Pins() throws IOException {
      BpfFs.ensureMounted(Path.of("/sys/fs/bpf"));
      Files.createDirectory(folder);
    }

    public Path path(String name) {
      return folder.resolve(name);
    }

    public List<String> names() throws IOException {
      try (Stream<Path> pins = Files.list(folder)) {
        return pins.map(pin -> pin.getFileName().toString()).sorted().toList();
      }
    }

    @Override
    public void close() throws IOException {
      try (Stream<Path> pins = Files.walk(folder)) {
        for (Path pin : pins.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(pin);
        }
      }
    }
  }
}
