data "dds_instances" "this" {
  instance_id = "e73893ef73754465a8bd2e0857bbf13ein02"
}

data "dds_ssl_certificates" "this" {
  instance_id = "e73893ef73754465a8bd2e0857bbf13ein02"
  category    = "international"
}

resource "kubernetes_secret_v1" "dds" {
  metadata {
    name = "dds"
  }

  data = {
    "ca.pem"            = data.dds_ssl_certificates.this.bundle_pem
    "connection-string" = one(data.dds_instances.this.instances[*].connection_string)
  }
}
