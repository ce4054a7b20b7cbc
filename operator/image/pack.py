#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs two folders into a container image in one file, and says what is in it (SPDX).

The file is an OCI image layout and, by its manifest.json, what `docker save` writes: containerd, Podman and every
Docker engine load it. Everything in it is ordered, and dated by SOURCE_DATE_EPOCH, so that the same folders give the
same bytes. Prints the image's digest.
"""

import argparse
import datetime
import gzip
import hashlib
import io
import json
import os
import re
import tarfile

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])
WHEN = datetime.datetime.fromtimestamp(EPOCH, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
SBOM_PATH = "usr/share/sbom/xdplb.spdx.json"
NONROOT = "65532:65532"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def as_json(value):
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


def entry(name, source=None):
    info = tarfile.TarInfo(name)
    info.mtime = EPOCH
    if source is None:
        info.mode = 0o644
    else:
        status = os.lstat(source)
        info.mode = status.st_mode & 0o7777
        if os.path.islink(source):
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(source), 0o777
        elif os.path.isdir(source):
            info.type = tarfile.DIRTYPE
        else:
            info.size = status.st_size
    return info


def layer(folder, extra=()):
    """The folder as a tar: (compressed, digest of the uncompressed)."""
    names = []
    for parent, folders, files in os.walk(folder):
        relative = os.path.relpath(parent, folder)
        names += [os.path.normpath(os.path.join(relative, n)) for n in folders + files]
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(names):
            path = os.path.join(folder, name)
            info = entry(name, path)
            if info.isreg():
                with open(path, "rb") as data:
                    tar.addfile(info, data)
            else:
                tar.addfile(info)
        for name, data in extra:
            info = entry(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    compressed = io.BytesIO()
    with gzip.GzipFile(fileobj=compressed, mode="wb", compresslevel=6, mtime=0) as packed:
        packed.write(raw.getbuffer())
    return compressed.getvalue(), "sha256:" + sha256(raw.getbuffer())


def debian_packages(file, arch):
    for line in sorted(set(open(file).read().splitlines())):
        name, version, of = line.split("\t")
        yield {
            "name": name,
            "versionInfo": version,
            "supplier": "Organization: Debian",
            "purl": f"pkg:deb/debian/{name}@{version.replace(':', '%3A').replace('+', '%2B')}?arch={of}&distro=debian-13",
        }


def maven_packages(file):
    for line in sorted(open(file).read().splitlines()):
        found = re.match(r"\s+([\w.-]+):([\w.-]+):jar:([\w.-]+):(compile|runtime)", re.sub(r"\x1b\[[0-9;]*m", "", line))
        if found:
            group, name, version, _ = found.groups()
            yield {
                "name": f"{group}:{name}",
                "versionInfo": version,
                "supplier": "NOASSERTION",
                "purl": f"pkg:maven/{group}/{name}@{version}",
            }


def sbom(arguments):
    packages = list(debian_packages(os.path.join(arguments.base, "packages.tsv"), arguments.arch))
    packages += maven_packages(arguments.dependencies)
    image = {
        "SPDXID": "SPDXRef-image",
        "name": arguments.name,
        "versionInfo": arguments.version,
        "supplier": "Organization: xdplb",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "CONTAINER",
    }
    described = [image]
    for package in packages:
        purl = package.pop("purl")
        described.append(
            {
                "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]", "-", package["name"]),
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": "NOASSERTION",
                "copyrightText": "NOASSERTION",
                "externalRefs": [
                    {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
                ],
                **package,
            }
        )
    content = sha256(as_json(described))
    return as_json(
        {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": arguments.name,
            "documentNamespace": f"https://xdplb.io/sbom/{arguments.version}/{content}",
            "creationInfo": {"created": WHEN, "creators": ["Tool: xdplb operator/image/pack.py"]},
            "packages": described,
            "relationships": [
                {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-image"}
            ]
            + [
                {"spdxElementId": "SPDXRef-image", "relationshipType": "CONTAINS", "relatedSpdxElement": p["SPDXID"]}
                for p in described[1:]
            ],
        }
    )


def main():
    parser = argparse.ArgumentParser()
    for option in ("name", "arch", "version", "base", "app", "dependencies", "sbom", "out"):
        parser.add_argument("--" + option, required=True)
    arguments = parser.parse_args()

    contents = sbom(arguments)
    with open(arguments.sbom, "wb") as file:
        file.write(contents)

    blobs = {}

    def blob(data, media_type):
        digest = sha256(data)
        blobs["blobs/sha256/" + digest] = data
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    layers, diff_ids = [], []
    for folder, extra in ((os.path.join(arguments.base, "root"), ()), (arguments.app, ((SBOM_PATH, contents),))):
        data, diff_id = layer(folder, extra)
        layers.append(blob(data, "application/vnd.oci.image.layer.v1.tar+gzip"))
        diff_ids.append(diff_id)
    config = blob(
        as_json(
            {
                "created": WHEN,
                "architecture": arguments.arch,
                "os": "linux",
                "config": {
                    "User": NONROOT,
                    "Env": ["PATH=/usr/bin:/usr/sbin:/usr/lib/java/bin", "JAVA_HOME=/usr/lib/java", "XDPLB_HOME=/usr/lib/xdplb"],
                    "Entrypoint": ["/usr/bin/xdplb"],
                    "WorkingDir": "/",
                    "Labels": {
                        "org.opencontainers.image.title": "xdplb",
                        "org.opencontainers.image.version": arguments.version,
                        "org.opencontainers.image.licenses": "Apache-2.0",
                    },
                },
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
                "history": [
                    {"created": WHEN, "created_by": "operator/image/base.sh"},
                    {"created": WHEN, "created_by": "operator/image/build.sh"},
                ],
            }
        ),
        "application/vnd.oci.image.config.v1+json",
    )
    manifest = blob(
        as_json(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config,
                "layers": layers,
            }
        ),
        "application/vnd.oci.image.manifest.v1+json",
    )
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                **manifest,
                "platform": {"os": "linux", "architecture": arguments.arch},
                "annotations": {
                    "io.containerd.image.name": arguments.name,
                    "org.opencontainers.image.ref.name": arguments.name.rsplit(":", 1)[1],
                },
            }
        ],
    }
    path = lambda descriptor: "blobs/sha256/" + descriptor["digest"].split(":")[1]
    docker = [{"Config": path(config), "RepoTags": [arguments.name], "Layers": [path(l) for l in layers]}]
    files = {
        "oci-layout": as_json({"imageLayoutVersion": "1.0.0"}),
        "index.json": as_json(index),
        "manifest.json": as_json(docker),
        **blobs,
    }
    with tarfile.open(arguments.out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(files):
            info = entry(name)
            info.size = len(files[name])
            tar.addfile(info, io.BytesIO(files[name]))
    print(manifest["digest"])


if __name__ == "__main__":
    main()
