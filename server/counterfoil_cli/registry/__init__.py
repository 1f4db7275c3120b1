"""What the commands about creators, assets, licences and prices share."""
