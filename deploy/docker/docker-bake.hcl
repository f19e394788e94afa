# docker buildx bake -f deploy/docker/docker-bake.hcl            both images, for this machine
# REGISTRY=registry.example.com/media VERSION=0.1.0 docker buildx bake -f deploy/docker/docker-bake.hcl release --push

variable "REGISTRY" { default = "" }
variable "VERSION" { default = "0.1.0" }

function "name" {
  params = [image]
  result = REGISTRY == "" ? "${image}:${VERSION}" : "${REGISTRY}/${image}:${VERSION}"
}

group "default" { targets = ["tessera", "triton"] }
group "release" { targets = ["tessera-release", "triton-release"] }

target "tessera" {
  context    = "."
  dockerfile = "deploy/docker/Dockerfile"
  tags       = [name("tessera")]
}

target "triton" {
  context    = "."
  dockerfile = "deploy/docker/Dockerfile.triton"
  tags       = [name("tessera-triton")]
}

target "_release" {
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=provenance,mode=max", "type=sbom"]
}

target "tessera-release" { inherits = ["tessera", "_release"] }
target "triton-release" { inherits = ["triton", "_release"] }
