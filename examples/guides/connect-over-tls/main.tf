variable "instance_id" {
  type    = string
  default = "e73893ef73754465a8bd2e0857bbf13ein02"
}

data "dds_instances" "this" {
  instance_id = var.instance_id
}

data "dds_ssl_certificates" "this" {
  instance_id = var.instance_id
  category    = "international"

  lifecycle {
    precondition {
      condition     = one(data.dds_instances.this.instances[*].ssl_enabled) == true
      error_message = "The instance ${var.instance_id} does not exist, or its SSL is off. Switch SSL on in the DDS console."
    }
  }
}

output "ca_pem" {
  value = data.dds_ssl_certificates.this.bundle_pem
}

output "connection_string" {
  value = one(data.dds_instances.this.instances[*].connection_string)
}
