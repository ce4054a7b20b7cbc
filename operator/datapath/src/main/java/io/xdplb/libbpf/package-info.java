/**
 * A thin binding of libbpf 1.1 for the kernel's BPF objects: no policy, no Kubernetes, no knowledge
 * of our programs.
 *
 * <p>An object file becomes a {@link io.xdplb.libbpf.BpfObjectSpec}, where sizes, pins and
 * constants are set, and by its load a {@link io.xdplb.libbpf.BpfObject} of {@link
 * io.xdplb.libbpf.BpfMap}s and {@link io.xdplb.libbpf.BpfProgram}s; a program is attached to what
 * an interface receives by an {@link io.xdplb.libbpf.XdpLink}, to what it sends by a {@link
 * io.xdplb.libbpf.TcxLink} or a {@link io.xdplb.libbpf.TcFilter}. Each but the last owns a
 * descriptor and is closed. What shall outlive the process is pinned on a {@link
 * io.xdplb.libbpf.BpfFs}. {@link io.xdplb.libbpf.StructLayout} keeps Java's idea of a C struct and
 * the compiler's the same.
 *
 * <p>Kernel versions in this package say since when something works at all; 5.15 has everything but
 * what says otherwise.
 */
package io.xdplb.libbpf;
