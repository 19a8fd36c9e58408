"""Data that the tasks understand."""

from sealer.testing.conformance import TaskSample

SHELL_SAMPLES = (TaskSample(data="echo 'it is done'\n", bad=" \n"),)
HOSTNAME_SAMPLES = (TaskSample(data="10.0.0.1 master-1\n10.0.0.2 node-1\n", bad="10.0.0.1 Not_A_Name\n"),)
LABEL_SAMPLES = (
    TaskSample(data="10.0.0.1 zone=a,disk-\n", bad="10.0.0.1 $(x)=1\n"),
    TaskSample(data="10.0.0.0-10.0.0.9 zone=a\n", bad="10.0.0.1\n"),
)
TAINT_SAMPLES = (
    TaskSample(data="10.0.0.1 key=value:NoSchedule other:NoExecute-\n", bad="10.0.0.1 a=b:Never\n"),
)
CLUSTERCHECK_SAMPLES = (TaskSample(data=""), TaskSample(data="60", bad="soon"))
ETCD_SAMPLES = (TaskSample(data=""), TaskSample(data="/backup", bad="../backup"))
