data "dds_ssl_certificates" "this" {
  instance_id = "e73893ef73754465a8bd2e0857bbf13ein02"
  category    = "international"
}

output "ca_pem" {
  value = data.dds_ssl_certificates.this.bundle_pem # terraform output -raw ca_pem > ca.pem
}
