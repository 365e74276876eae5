data "dds_instances" "this" {
  mode = "ReplicaSet"
  tags = {
    env = "production"
  }
}

output "connection_strings" {
  value = { for instance in data.dds_instances.this.instances : instance.id => instance.connection_string }
}
