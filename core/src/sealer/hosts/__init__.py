"""Reaching hosts: connections that run scripts, take streams and give files, over SSH or on this machine."""
