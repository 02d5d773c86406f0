"""Where tasks run, and which flows are open: one security group a kind of task, one rule a flow."""

from collections.abc import Callable, Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs

from deploy.settings import ExistingNetwork, Network, NewNetwork

HTTPS = ec2.Port.tcp(443)
_ENDPOINTS = {
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}
"""What a task speaks to: its queue, and what starts it and takes its lines."""


class Place:
    """The VPC and its rules."""

    def __init__(self, stack: Stack, network: Network, made_log_group: Callable[[str], logs.ILogGroup]) -> None:
        self._stack = stack
        self._network = network
        self.vpc = (
            _new(stack, network.new, made_log_group("network"))
            if network.new is not None
            else _existing(stack, _given(network))
        )
        self.subnets = ec2.SubnetSelection(subnets=self.vpc.private_subnets)
        self._aws = self._endpoints()

    def group(self, name: str, what: str) -> ec2.SecurityGroup:
        """A group that lets nothing in or out."""
        return ec2.SecurityGroup(self._stack, f"{name}Group", vpc=self.vpc, description=what, allow_all_outbound=False)

    def task_group(self, name: str) -> ec2.SecurityGroup:
        """Of one kind of task: it reaches the AWS services that every task needs, and nothing else yet."""
        group = self.group(name, f"{self._stack.stack_name} {name}")
        prefix_list = ec2.Peer.prefix_list(self._network.s3_prefix_list)
        group.add_egress_rule(prefix_list, HTTPS, "image layers from S3")
        if self._aws is not None:
            group.connections.allow_to(self._aws, HTTPS, "AWS services by their endpoints")
        else:
            inside = ec2.Peer.ipv4(_given(self._network).cidr)
            group.add_egress_rule(inside, HTTPS, "AWS services by the endpoints that the VPC has")
        return group

    def known_group(self, name: str, group_id: str) -> ec2.ISecurityGroup:
        """A group that is there, to which rules for the tasks are added."""
        return ec2.SecurityGroup.from_security_group_id(
            self._stack, f"{name}Group", group_id, allow_all_outbound=True, mutable=True
        )

    def _endpoints(self) -> ec2.SecurityGroup | None:
        existing = self._network.existing
        if existing is not None and not existing.endpoints:
            return None
        group = self.group("Endpoints", "endpoints of AWS services")
        for name, service in _ENDPOINTS.items():
            ec2.InterfaceVpcEndpoint(
                self._stack,
                f"{name}Endpoint",
                vpc=self.vpc,
                service=service,
                subnets=self.subnets,
                security_groups=[group],
                open=False,  # each task's own rule opens it
            )
        return group


def allow_cidrs(group: ec2.SecurityGroup, cidrs: Sequence[str], ports: Sequence[int], what: str) -> None:
    """Let tasks out to servers that are not in this VPC."""
    for cidr in cidrs:
        for port in ports:
            group.add_egress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(port), what)


def _new(stack: Stack, new: NewNetwork, log_group: logs.ILogGroup) -> ec2.Vpc:
    private = ec2.SubnetType.PRIVATE_WITH_EGRESS if new.nat_gateways else ec2.SubnetType.PRIVATE_ISOLATED
    kinds = [ec2.SubnetConfiguration(name="Tasks", subnet_type=private)]
    if new.nat_gateways:
        kinds.append(
            ec2.SubnetConfiguration(name="Nat", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False)
        )
    return ec2.Vpc(
        stack,
        "Vpc",
        ip_addresses=ec2.IpAddresses.cidr(new.cidr),
        max_azs=2,
        nat_gateways=new.nat_gateways,
        subnet_configuration=kinds,
        gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
        flow_logs={
            "Flows": ec2.FlowLogOptions(
                destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group),
                traffic_type=ec2.FlowLogTrafficType.REJECT,
            )
        },
    )


def _existing(stack: Stack, existing: ExistingNetwork) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id=existing.vpc,
        vpc_cidr_block=existing.cidr,
        availability_zones=list(existing.zones),
        private_subnet_ids=list(existing.subnets),
    )


def _given(network: Network) -> ExistingNetwork:
    if network.existing is None:
        raise AssertionError("settings hold one of new and existing")
    return network.existing
