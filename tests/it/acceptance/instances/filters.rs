//! Filters of `dds_instances`: the query that is sent, and the instances that are returned.

use std::collections::BTreeSet;

use super::*;

/// A filter.
struct Filter {
    argument: &'static str,
    /// Its value in HCL.
    value: &'static str,
    /// The parameter of the query, percent-encoded.
    parameter: &'static str,
    /// The instances that match.
    matches: &'static [&'static str],
}

/// The filters in the order of their parameters.
const FILTERS: [Filter; 7] = [
    Filter {
        argument: "instance_id",
        value: "\"e73893ef73754465a8bd2e0857bbf13ein02\"",
        parameter: "id=e73893ef73754465a8bd2e0857bbf13ein02",
        matches: &[INSTANCE],
    },
    Filter {
        argument: "name",
        value: "\"*rders\"",
        parameter: "name=%2Arders",
        matches: &[RENAMED_REPLICA_SET, NEW_INSTANCE, INSTANCE],
    },
    Filter {
        argument: "mode",
        value: "\"ReplicaSet\"",
        parameter: "mode=ReplicaSet",
        matches: &[RENAMED_REPLICA_SET, INSTANCE],
    },
    Filter {
        argument: "datastore_type",
        value: "\"DDS-Community\"",
        parameter: "datastore_type=DDS-Community",
        matches: &[NEW_INSTANCE, CLUSTER, INSTANCE_WITHOUT_CERTIFICATES, INSTANCE],
    },
    Filter {
        argument: "vpc_id",
        value: "\"674e9b42-cd8d-4d25-a2e6-5abcc565b961\"",
        parameter: "vpc_id=674e9b42-cd8d-4d25-a2e6-5abcc565b961",
        matches: &[RENAMED_REPLICA_SET, NEW_INSTANCE, CLUSTER, INSTANCE],
    },
    Filter {
        argument: "subnet_id",
        value: "\"f1df08c5-71d1-406a-aff0-de435a51007b\"",
        parameter: "subnet_id=f1df08c5-71d1-406a-aff0-de435a51007b",
        matches: &[NEW_INSTANCE, CLUSTER, INSTANCE_WITHOUT_CERTIFICATES, INSTANCE],
    },
    Filter {
        argument: "tags",
        value: "{ team = \"shop\", env = \"prod\" }",
        parameter: "tags=env%3Dprod%2Cteam%3Dshop",
        matches: &[INSTANCE],
    },
];

/// No filter, each filter, each pair of filters, and all filters.
fn combinations() -> Vec<Vec<&'static Filter>> {
    let mut combinations = vec![vec![], FILTERS.iter().collect()];
    for (index, filter) in FILTERS.iter().enumerate() {
        combinations.push(vec![filter]);
        combinations.extend(FILTERS[index + 1..].iter().map(|other| vec![filter, other]));
    }
    combinations
}

#[test]
fn each_combination_of_filters_sends_its_query() {
    for (_, fixture) in both_protocols() {
        let mut configuration = String::new();
        let (mut queries, mut expected) = (BTreeSet::new(), Vec::new());
        for (index, filters) in combinations().iter().enumerate() {
            let arguments: String =
                filters.iter().map(|filter| format!("  {} = {}\n", filter.argument, filter.value)).collect();
            configuration += &format!("data \"dds_instances\" \"c{index}\" {{\n{arguments}}}\n\n");
            let parameters: String = filters.iter().map(|filter| format!("{}&", filter.parameter)).collect();
            queries.insert(parameters + FIRST_PAGE);
            let matches = |id: &&str| filters.iter().all(|filter| filter.matches.contains(id));
            expected.push(ALL.into_iter().filter(matches).collect::<Vec<_>>());
        }
        let count = expected.len();
        assert_eq!((count, queries.len()), (2 + 7 + 21, count));
        let results: Vec<_> = (0..count).map(|index| format!("data.dds_instances.c{index}")).collect();
        configuration += &format!(
            "output \"found\" {{\n  value = [for result in [{0}] : result.instances[*].id]\n}}\n\n\
             output \"ids\" {{\n  value = [for result in [{0}] : result.id]\n}}\n",
            results.join(", ")
        );
        fixture.configure("", &configuration).apply();
        let sent = fixture.cloud.queries(Route::Instances);
        assert_eq!((sent.len(), sent.into_iter().collect::<BTreeSet<_>>()), (count, queries));
        let outputs = fixture.workspace.outputs();
        assert_eq!(outputs["found"], json!(expected));
        // Each combination has its own ID.
        let ids = outputs["ids"].as_array().unwrap();
        assert_eq!(ids.iter().map(Json::to_string).collect::<BTreeSet<_>>().len(), count, "{ids:?}");
        fixture.assert_no_changes();
        assert_eq!(fixture.workspace.outputs(), outputs);
    }
}

#[test]
fn special_values_of_filters_are_percent_encoded() {
    for (_, fixture) in both_protocols() {
        for (arguments, parameter, matches) in [
            ("name = \"orders\"", "name=orders", &[RENAMED_REPLICA_SET, INSTANCE][..]),
            ("name = \"*s-n\"", "name=%2As-n", &[NEW_INSTANCE]),
            ("name = \"a&mode=Single b\"", "name=a%26mode%3DSingle%20b", &[]),
            ("name = \"50%*+\"", "name=50%25%2A%2B", &[]),
            ("tags = { note = \"a=b c&d/ü\" }", "tags=note%3Da%3Db%20c%26d%2F%C3%BC", &[INSTANCE]),
            ("tags = { team = \"\" }", "tags=team%3D", &[INSTANCE_WITHOUT_CERTIFICATES]),
            ("tags = {}", "", &ALL),
            ("tags = null\n  mode = null", "", &ALL),
        ] {
            fixture.cloud.clear_recorded_requests();
            fixture.configure("", &instances(arguments)).apply();
            let separator = if parameter.is_empty() { "" } else { "&" };
            let query = format!("{parameter}{separator}{FIRST_PAGE}");
            assert_eq!(fixture.cloud.queries(Route::Instances), [query], "{arguments}");
            assert_eq!(each(&fixture, "id"), json!(matches), "{arguments}");
        }
    }
}

#[test]
fn invalid_filter_is_an_error_of_validate() {
    let fixture = Fixture::new();
    let many: String = (0..21).map(|index| format!("k{index} = \"v\"\n")).collect();
    let too_many = format!("tags = {{\n{many}}}");
    for (arguments, summary, detail) in [
        ("name = \"*\"", "Invalid Attribute Value", "name is \"*\""),
        ("name = \"**\"", "Invalid Attribute Value", "name is \"**\""),
        ("name = \"\"", "Invalid Attribute Value", "name is \"\""),
        ("instance_id = \"../x\"", "Invalid Attribute Value", "instance_id is \"../x\""),
        ("instance_id = \"\"", "Invalid Attribute Value", "instance_id is \"\""),
        ("mode = \"Cluster\"", "Invalid Attribute Value", "mode is \"Cluster\""),
        ("datastore_type = \"\"", "Invalid Attribute Value", "datastore_type is \"\""),
        ("vpc_id = \"\"", "Invalid Attribute Value", "vpc_id is \"\""),
        ("subnet_id = \"a&b\"", "Invalid Attribute Value", "subnet_id is \"a&b\""),
        ("tags = { a = \"x,b=y\" }", "Invalid Attribute Value", "tags"),
        ("tags = { a = null }", "Invalid Attribute Value", "tags"),
        ("tags = { \"\" = \"x\" }", "Invalid Tag Condition", "The key \"\" in tags is empty"),
        ("tags = { \"a,b\" = \"x\" }", "Invalid Tag Condition", "The key \"a,b\" in tags"),
        ("tags = { \"a=b\" = \"x\" }", "Invalid Tag Condition", "The key \"a=b\" in tags"),
        (&too_many, "Invalid Tag Condition", "tags has 21 elements."),
    ] {
        fixture.configure("", &instances(arguments));
        let output = fixture.workspace.run(&["validate"]);
        let errors = without_line_breaks(&output.stderr);
        assert_eq!(output.code, Some(1), "{arguments}");
        assert_contains(&errors, &[&format!("Error: {summary}"), detail, "on main.tf line"]);
        assert_eq!(errors.matches("Error: ").count(), 1, "{errors}");
    }
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
}

#[test]
fn documented_one_liners_map_ids_and_names() {
    for (_, fixture) in both_protocols() {
        let outputs = "locals {\n  by_id = { for instance in data.dds_instances.this.instances : instance.id => instance }\n}\n\n\
             output \"names\" {\n  value = { for id, instance in local.by_id : id => instance.name }\n}\n\n\
             output \"ids\" {\n  value = { for instance in data.dds_instances.this.instances : instance.name => instance.id... }\n}\n";
        fixture.configure("", &(instances("") + outputs)).apply();
        let outputs = fixture.workspace.outputs();
        assert_eq!(outputs["names"][INSTANCE], "orders");
        assert_eq!(outputs["names"].as_object().unwrap().len(), ALL.len());
        assert_eq!(
            outputs["ids"],
            json!({
                "events": [CLUSTER], "orders": [RENAMED_REPLICA_SET, INSTANCE], "orders-new": [NEW_INSTANCE],
                "test": [INSTANCE_WITHOUT_CERTIFICATES],
            })
        );
        fixture.assert_no_changes();
    }
}
