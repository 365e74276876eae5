variable "password" {
  type      = string
  sensitive = true
}

data "dds_instances" "this" {
  instance_id = "e73893ef73754465a8bd2e0857bbf13ein02"
}

locals {
  instance = one(data.dds_instances.this.instances)

  # urlencode() encodes a space as "+". Most clients expect "%20".
  credential = join(":", [for text in [local.instance.db_user_name, var.password] : replace(urlencode(text), "+", "%20")])
}

output "connection_string" {
  value     = replace(local.instance.connection_string, "mongodb://", "mongodb://${local.credential}@")
  sensitive = true
}
