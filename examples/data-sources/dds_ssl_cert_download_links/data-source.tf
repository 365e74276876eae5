data "dds_ssl_cert_download_links" "this" {
  instance_id = "e73893ef73754465a8bd2e0857bbf13ein02"
}

output "certs" {
  value     = data.dds_ssl_cert_download_links.this.certs
  sensitive = true # show it with: terraform output -json certs
}
